package dag

import (
	"encoding/binary"
	"io"
	"sync/atomic"
)

// counted counts the statements that a connection sends: the messages Query and Execute of the frontend, in the form that
// https://www.postgresql.org/docs/current/protocol-message-formats.html gives. Only its connection writes to it.
type counted struct {
	io.Writer
	statements *atomic.Int64

	begun bool // the first message, which has no type, has begun
	head  []byte
	body  int // bytes of the present message that are still to come
}

// Write implements io.Writer.
func (c *counted) Write(p []byte) (int, error) {
	c.scan(p)
	return c.Writer.Write(p)
}

func (c *counted) scan(p []byte) {
	for len(p) > 0 {
		if c.body > 0 {
			n := min(c.body, len(p))
			c.body -= n
			p = p[n:]
			continue
		}
		length := 4
		if c.begun {
			length++ // the type stands before it
		}
		n := min(length-len(c.head), len(p))
		c.head = append(c.head, p[:n]...)
		p = p[n:]
		if len(c.head) < length {
			return
		}
		if c.begun && (c.head[0] == 'Q' || c.head[0] == 'E') {
			c.statements.Add(1)
		}
		c.body = int(binary.BigEndian.Uint32(c.head[length-4:])) - 4
		c.begun, c.head = true, c.head[:0]
	}
}
