"""The rules that are measured, by kind, and the request that goes through them."""

NAMES = ["user-agent", "accept", "accept-language", "referer", "origin", "x-team", "x-region", "x-tenant", "x-trace",
         "x-client"]
FIELDS = ["User-Agent: Mozilla/5.0 (X11; Linux x86_64) Portico/1.0", "Accept: text/html,application/json;q=0.9",
          "Accept-Language: en-GB,en;q=0.8", "Referer: https://www.example.org/start", "X-Tenant: tenant-77777",
          "X-Trace: 7f00000101bb", "Cookie: session=af03; theme=dark"]
PATH = "/shop/articles/4711"


def kinds(work):
    """The rules by kind. None of them decides the request's way, so that all are run for each request."""
    (work / "tenants.map").write_text("".join(f"tenant-{index} pool-{index % 97}\n" for index in range(100_000)))
    conditions = [f"http-request set-var(txn.c{index}) int(1) if {{ req.hdr({name}) -m sub nothing-of-that-kind }}"
                  for index, name in enumerate(NAMES)]
    prefixes = [f"http-request set-var(txn.p{index}) int(1) if {{ path_beg /{word} /old/{word} }}"
                for index, word in enumerate(["admin", "api/v1", "static", "images", "health"])]
    expressions = [
        r"http-request set-var(txn.r1) int(1) if { path_reg ^/users/[0-9]+/(profile|orders)$ }",
        r"http-request set-var(txn.r2) int(1) if { req.hdr(user-agent) -m reg -i (bot|crawler|spider)/[0-9.]+ }"]
    edits = ["http-request set-header x-forwarded-proto http", "http-request set-header x-real-ip %[src]",
             "http-request del-header x-client", "http-request add-header x-edge portico",
             "http-request set-header x-host %[req.hdr(host),lower]"]
    table = [f"http-request set-header x-pool %[req.hdr(x-tenant),map_str({work}/tenants.map,none)]"]
    others = [f"http-request set-var(txn.o{index}) int(1) if {{ req.hdr({NAMES[index % 10]}) -m str value-{index} }}"
              for index in range(27)]
    return {
        "none": [], "10 header conditions": conditions, "5 path prefixes": prefixes,
        "2 regular expressions": expressions, "5 header edits": edits, "1 map of 100,000": table,
        "27 exact conditions": others,
        "all 50": conditions + prefixes + expressions + edits + table + others,
    }
