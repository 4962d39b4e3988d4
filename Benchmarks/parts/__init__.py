"""What the programs of Benchmarks/ are made of. Python 3 and its standard library only."""
