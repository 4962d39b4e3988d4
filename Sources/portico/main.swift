// portico
