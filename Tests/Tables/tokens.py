#!/usr/bin/env python3
"""Makes JSON Web Tokens with the `cryptography` package, which knows nothing of ours: keys into the folder FOLDER, and a list
of tokens as JSON on standard output. Nothing that it makes is kept in the repository.

Usage: tokens.py FOLDER
"""
import base64
import hashlib
import hmac
import json
import os
import struct
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, keywrap, padding as blocks, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID
import datetime

folder = sys.argv[1]
tokens = []


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def save(name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def public_pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def private_pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def certificate(key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokens.test")])
    now = datetime.datetime(2024, 1, 1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=36500))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


rsa_key = rsa.generate_private_key(65537, 2048)
curves = {"256": (ec.SECP256R1(), "P-256", 32), "384": (ec.SECP384R1(), "P-384", 48), "512": (ec.SECP521R1(), "P-521", 66)}
ec_keys = {bits: ec.generate_private_key(curve) for bits, (curve, _, _) in curves.items()}
hashes_of = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}

rsa_public = save("rsa.pub.pem", public_pem(rsa_key))
rsa_certificate = save("rsa.crt.pem", certificate(rsa_key) + private_pem(rsa_key))
ec_public = {bits: save(f"ec{bits}.pub.pem", public_pem(key)) for bits, key in ec_keys.items()}
ec_certificate = save("ec256.crt.pem", certificate(ec_keys["256"]) + private_pem(ec_keys["256"]))

# Signed tokens.
secret = "a secret of the tests"
for family in ("HS", "RS", "PS", "ES"):
    for bits, algorithm in hashes_of.items():
        signed = b64(json.dumps({"alg": family + bits, "typ": "JWT"}).encode()) + "." + b64(b'{"sub":"someone","n":42}')
        data = signed.encode()
        if family == "HS":
            signature = hmac.new(secret.encode(), data, "sha" + bits).digest()
            key, certificate_key = secret, None
        elif family == "RS":
            signature = rsa_key.sign(data, padding.PKCS1v15(), algorithm)
            key, certificate_key = rsa_public, rsa_certificate
        elif family == "PS":
            pss = padding.PSS(mgf=padding.MGF1(algorithm), salt_length=padding.PSS.DIGEST_LENGTH)
            signature = rsa_key.sign(data, pss, algorithm)
            key, certificate_key = rsa_public, rsa_certificate
        else:
            r, s = utils.decode_dss_signature(ec_keys[bits].sign(data, ec.ECDSA(algorithm)))
            size = curves[bits][2]
            signature = r.to_bytes(size, "big") + s.to_bytes(size, "big")
            key, certificate_key = ec_public[bits], ec_certificate if bits == "256" else None
        tokens.append({"kind": "signed", "algorithm": family + bits, "token": f"{signed}.{b64(signature)}",
                       "key": key, "certificate": certificate_key})

# Encrypted tokens (RFC 7516 section 5.1).
plain = b"the content of the token"


def rsa_jwk():
    private = rsa_key.private_numbers()
    return json.dumps({
        "kty": "RSA", "n": number(private.public_numbers.n), "e": number(private.public_numbers.e),
        "d": number(private.d), "p": number(private.p), "q": number(private.q), "dp": number(private.dmp1),
        "dq": number(private.dmq1), "qi": number(private.iqmp)}, separators=(",", ":"))


def ec_jwk(key, bits, private=True):
    _, name, size = curves[bits]
    point = key.public_key().public_numbers()
    made = {"kty": "EC", "crv": name, "x": number(point.x, size), "y": number(point.y, size)}
    if private:
        made["d"] = number(key.private_numbers().private_value, size)
    return made


content_bits = {"A128CBC-HS256": 256, "A192CBC-HS384": 384, "A256CBC-HS512": 512,
                "A128GCM": 128, "A192GCM": 192, "A256GCM": 256}


def agree(shared, name, bits, apu, apv):
    lengths = lambda data: struct.pack(">I", len(data)) + data
    other = lengths(name.encode()) + lengths(apu) + lengths(apv) + struct.pack(">I", bits)
    made, round_ = b"", 1
    while len(made) < bits // 8:
        made += hashlib.sha256(struct.pack(">I", round_) + shared + other).digest()
        round_ += 1
    return made[:bits // 8]


def encrypt(management, encryption, bits="256"):
    header = {"alg": management, "enc": encryption}
    size = content_bits[encryption] // 8
    key = os.urandom(size)
    wrapped = b""
    jwk, name, path = None, None, None
    if management == "dir":
        name = key
    elif management.startswith("RSA"):
        algorithm = hashes.SHA1() if management == "RSA-OAEP" else hashes.SHA256()
        wrapped = rsa_key.public_key().encrypt(key, padding.OAEP(padding.MGF1(algorithm), algorithm, None))
        jwk, path = rsa_jwk(), rsa_certificate
    elif management.startswith("ECDH"):
        own = ec.generate_private_key(curves[bits][0])
        header["epk"] = ec_jwk(own, bits, private=False)
        header["apu"], header["apv"] = b64(b"Alice"), b64(b"Bob")
        shared = own.exchange(ec.ECDH(), ec_keys[bits].public_key())
        if management == "ECDH-ES":
            key = agree(shared, encryption, size * 8, b"Alice", b"Bob")
        else:
            wrap_bits = int(management[-5:-2])
            wrapped = keywrap.aes_key_wrap(agree(shared, management, wrap_bits, b"Alice", b"Bob"), key)
        jwk, path = json.dumps(ec_jwk(ec_keys[bits], bits), separators=(",", ":")), ec_certificate if bits == "256" else None
    else:
        name = os.urandom(int(management[1:4]) // 8)
        if management.endswith("GCMKW"):
            nonce = os.urandom(12)
            made = AESGCM(name).encrypt(nonce, key, None)
            wrapped, tag = made[:-16], made[-16:]
            header["iv"], header["tag"] = b64(nonce), b64(tag)
        else:
            wrapped = keywrap.aes_key_wrap(name, key)
    protected = b64(json.dumps(header).encode())
    if encryption.endswith("GCM"):
        nonce = os.urandom(12)
        made = AESGCM(key).encrypt(nonce, plain, protected.encode())
        content, tag = made[:-16], made[-16:]
    else:
        nonce = os.urandom(16)
        half = size // 2
        pad = blocks.PKCS7(128).padder()
        cipher = Cipher(algorithms.AES(key[half:]), modes.CBC(nonce)).encryptor()
        content = cipher.update(pad.update(plain) + pad.finalize()) + cipher.finalize()
        signed = protected.encode() + nonce + content + struct.pack(">Q", len(protected) * 8)
        tag = hmac.new(key[:half], signed, "sha" + str(size * 8)).digest()[:half]
    if name is not None:
        jwk = json.dumps({"kty": "oct", "k": b64(name)}, separators=(",", ":"))
    tokens.append({
        "kind": "encrypted", "algorithm": f"{management} {encryption}",
        "token": ".".join([protected, b64(wrapped), b64(nonce), b64(content), b64(tag)]),
        "secret": base64.b64encode(name).decode() if name is not None else None, "jwk": jwk, "certificate": path})


for encryption in content_bits:
    for management in ("dir", "A128KW", "A192KW", "A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW", "RSA-OAEP",
                       "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"):
        encrypt(management, encryption)
for bits in ("384", "512"):
    encrypt("ECDH-ES", "A256GCM", bits)
    encrypt("ECDH-ES+A256KW", "A128CBC-HS256", bits)

json.dump(tokens, sys.stdout)
