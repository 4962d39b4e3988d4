// One exchange: two halves, backpressure, closing table.
