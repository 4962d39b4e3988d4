// Version-neutral head, body, trailers; grammar and validation.
