// The checked configuration: plain values.
