"""What a request means: SQL text, queries, the catalog. Knows neither gRPC nor drivers."""
