// Frontends, rules, routing; composes one worker.
