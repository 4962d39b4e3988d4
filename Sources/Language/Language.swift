// Configuration text to a checked Configuration value.
