// HTTP/1: connection bytes to exchanges and back.
