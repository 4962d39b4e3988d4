// HTTP/2: connection bytes to exchanges and back.
