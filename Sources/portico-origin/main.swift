// portico-origin
