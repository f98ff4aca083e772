-- Reads what is known of a publication under its key.
-- KEYS  sent
-- ARGV  offset digest
-- Answers as publish does; nil: nothing is known of it
return earlierPublished(KEYS[1], ARGV[2], now(ARGV[1])) or false
