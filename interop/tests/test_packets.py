"""The packet reader, on the samples of RFC 9001, appendix A, and RFC 9369, appendix A."""

import unittest

from harness.frames import frames, hello
from harness.keys import AES_128, CHACHA20, Keys, _full_number, initial_secrets, key_log
from harness.packets import RETRY, V1, V2, split, varint

DESTINATION = bytes.fromhex("8394c8f03e515708")


class PacketTests(unittest.TestCase):
    """Headers, keys and frames."""

    def test_integers(self) -> None:
        for text, value in (
            ("c2197c5eff14e88c", 151288809941952652),
            ("9d7f3e7d", 494878333),
            ("7bbd", 15293),
            ("25", 37),
        ):
            self.assertEqual(varint(bytes.fromhex(text), 0), (value, len(text) // 2))

    def test_initial_secrets(self) -> None:
        client, server = initial_secrets(V1, DESTINATION)
        self.assertEqual(client.hex(), "c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea")
        self.assertEqual(server.hex(), "3c199828fd139efd216c155ad844cc81fb82fa8d7446fa7d78be803acdda951b")
        client, server = initial_secrets(V2, DESTINATION)
        self.assertEqual(client.hex(), "14ec9d6eb9fd7af83bf5a668bc17a7e283766aade7ecd0891f70f9ff7f4bf47b")

    def test_the_server_initial_of_the_rfc(self) -> None:
        packet = bytes.fromhex(
            "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb3"
            "8cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84"
            "022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee"
        )
        (header,) = split(packet)
        self.assertEqual((header.kind, header.source.hex()), ("Initial", "f067a5502a4262b5"))
        opened = Keys(initial_secrets(V1, DESTINATION)[1], AES_128, V1).open(packet, header.number_offset, 0)
        assert opened is not None
        self.assertEqual(opened.number, 1)
        ack, crypto = frames(opened.payload)
        self.assertEqual((ack.name, crypto.name), ("ACK", "CRYPTO"))
        said = hello(crypto.data)
        assert said is not None
        self.assertEqual(said.suites, (AES_128,))
        broken = packet[:-1] + bytes([packet[-1] ^ 1])
        self.assertIsNone(Keys(initial_secrets(V1, DESTINATION)[1], AES_128, V1).open(broken, header.number_offset, 0))

    def test_the_retry_of_the_rfc(self) -> None:
        text = "ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba"
        (header,) = split(bytes.fromhex(text))
        self.assertEqual((header.kind, header.token), (RETRY, b"token"))

    def test_the_chacha20_packet_of_the_rfc(self) -> None:
        secret = bytes.fromhex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b")
        packet = bytes.fromhex("4cfe4189655e5cd55c41f69080575d7999c25a5bfb")
        opened = Keys(secret, CHACHA20, V1).open(packet, 1, 654360564)
        assert opened is not None
        self.assertEqual((opened.number, opened.payload), (654360564, b"\x01"))
        updated = Keys(secret, CHACHA20, V1).next()
        self.assertEqual(updated.secret.hex(), "1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9")

    def test_packet_numbers(self) -> None:
        self.assertEqual(_full_number(0x9B32, 2, 0xA82F30EA + 1), 0xA82F9B32)

    def test_what_is_no_packet(self) -> None:
        self.assertEqual(split(b""), [])
        self.assertEqual(split(bytes(100)), [])
        self.assertEqual(split(bytes.fromhex("c000000001ff")), [])
        self.assertEqual(split(b"\xc0\x0a\x0b\x0c\x0d" + bytes(40)), [])

    def test_a_cleared_fixed_bit_is_no_padding(self) -> None:
        self.assertEqual([one.kind for one in split(b"\x0c" + bytes(range(30)))], ["1-RTT"])

    def test_broken_frames_end_the_list(self) -> None:
        self.assertEqual([one.name for one in frames(bytes.fromhex("01010602"))], ["PING", "PING"])

    def test_key_log(self) -> None:
        log = key_log("# x\nSERVER_TRAFFIC_SECRET_0 aa bb\nbroken\nCLIENT_RANDOM zz 00\n")
        self.assertEqual(log, {b"\xaa": {"SERVER_TRAFFIC_SECRET_0": b"\xbb"}})


if __name__ == "__main__":
    unittest.main()
