// Package extract turns source declarations into pages of raw records and hands them to a Lander. It reads HTTP,
// files, S3 and other PostgreSQL servers, follows pages, plans slices, and proves that what it read is complete. It never
// opens the warehouse, and never decodes a record: records are slices of the bytes that were received.
package extract
