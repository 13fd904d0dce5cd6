package ods

import (
	"encoding/binary"
	"hash/maphash"
)

// Contents is what some records say of their keys, so that two answers of a source can be compared without keeping them:
// 16 bytes for each key. It is filled by one goroutine, and may then be compared by many.
type Contents struct {
	reader *recordReader
	said   map[uint64]uint64 // hash of the key → of what the last record of it says
}

// NewContents makes an empty one. An error is a fault of the declaration.
func NewContents(stream Stream) (*Contents, error) {
	reader, err := newRecordReader(stream)
	if err != nil {
		return nil, wrap(err, "read keys of %s", stream.Name)
	}
	return &Contents{reader: reader, said: map[uint64]uint64{}}, nil
}

// Add takes in what a record says. One that cannot be landed says nothing.
func (c *Contents) Add(record Record) {
	c.reader.scanner.text = c.reader.scanner.text[:0] // nobody asks for it
	r, refused := c.reader.read(record)
	if refused == nil {
		c.said[maphash.Bytes(seed, r.appendIdentity(nil))] = binary.BigEndian.Uint64(r.hash[:])
	}
}

// Contradicts reports whether the two say different things of one key.
func (c *Contents) Contradicts(other *Contents) bool {
	if len(c.said) > len(other.said) {
		c, other = other, c
	}
	for key, says := range c.said {
		if others, too := other.said[key]; too && others != says {
			return true
		}
	}
	return false
}
