// ngtcp2: datagrams to stream events; owns no socket and no clock.
