package ods

import (
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Store lands pages in one database, whose schema terrace must have been migrated. It is safe for concurrent use;
// pages of one slice are landed one after another, pages of different slices at once.
type Store struct {
	pool *pgxpool.Pool
	// locks are the *streamLock of the streams that are locked, by name.
	locks sync.Map
}

// New gives a store over a pool, which stays the caller's to close. A Land holds one of its connections.
func New(pool *pgxpool.Pool) *Store {
	return &Store{pool: pool}
}
