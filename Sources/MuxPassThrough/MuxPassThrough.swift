// TCP: connection bytes to one exchange and back.
