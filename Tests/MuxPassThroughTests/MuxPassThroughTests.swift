// Tests of MuxPassThrough.
