// Chunks, cursors, the buffer pool.
