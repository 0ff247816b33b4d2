"""One work unit from source to output: read, decode, predict, encode, write."""
