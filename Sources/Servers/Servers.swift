// Servers, idle pools, balancing, queues, life cycle.
