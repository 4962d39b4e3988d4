"""The interop harness: peers, an emulated link, test cases, and the report."""
