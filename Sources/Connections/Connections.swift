// Connection manager: listeners, connections, admission, drain.
