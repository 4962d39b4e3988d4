// epoll loop, timers, mailboxes, owned descriptors, clock.
