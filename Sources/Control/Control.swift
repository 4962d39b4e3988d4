// Runtime API, statistics, metrics, access logs.
