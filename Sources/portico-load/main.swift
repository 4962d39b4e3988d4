// portico-load
