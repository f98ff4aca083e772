-- Reads the outcome of a publication by its key.
-- KEYS  sent
-- ARGV  offset digest
-- Answers as publish does; nil: nothing is known of it
return earlierPublished(KEYS[1], ARGV[2], now(ARGV[1])) or false
