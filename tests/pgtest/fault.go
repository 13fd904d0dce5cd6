package pgtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// Fault is what happens to a session at one statement of its client.
type Fault struct {
	// Of is what a statement contains that counts; "" counts all.
	Of string
	// SQL is executed in the statement's place and has to fail; the server then passes over what was sent with it.
	SQL string
	// Before is called with the server's process before the server gets the statement. What was sent before it has arrived.
	Before func(pid uint32)
	// Unsent ends the connection before the server gets the statement, after Before: nothing of it arrives.
	Unsent bool
	// Unanswered ends the connection when the server has got the statement, and all that was sent with it, before it
	// answers.
	Unanswered bool
}

// Faults counts the statements of the connections that it dials, and gives one of them a fault. Their wire must be open: no
// TLS. It may be used by many goroutines.
type Faults struct {
	mu        sync.Mutex
	fault     *Fault
	remaining int
	statement string
	count     int
}

// Count is how many statements there have been, with those that were only prepared.
func (f *Faults) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

// Arm gives the statement that comes after n others a fault.
func (f *Faults) Arm(n int, fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.remaining, f.statement = &fault, n, ""
}

// Disarm returns the statement that had the fault, or "".
func (f *Faults) Disarm() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = nil
	return f.statement
}

// next counts a statement and returns its fault, if it has one.
func (f *Faults) next(statement string) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if f.fault == nil {
		return nil
	}
	if f.fault.SQL != "" && strings.HasPrefix(statement, "rollback") {
		return nil // where it is sent, the server executes nothing else any more
	}
	if !strings.Contains(statement, f.fault.Of) {
		return nil
	}
	f.remaining--
	if f.remaining >= 0 {
		return nil
	}
	fault := f.fault
	f.fault, f.statement = nil, statement
	return fault
}

// Dial is a dialer whose connections have faults.
func (f *Faults) Dial(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &faulty{Conn: conn, faults: f}, nil
	}
}

// faulty reads the messages of a client as they pass. It is used as a connection is: by one who reads and one who writes.
type faulty struct {
	net.Conn
	faults *Faults

	started  bool   // the first message, which has no type, has passed
	pending  []byte // the beginning of a message
	prepared map[string]string

	mu       sync.Mutex
	answered []byte // what the server said until it named its process
	pid      uint32
}

// errUnanswered is why a connection ended that an Unanswered fault ended.
var errUnanswered = errors.New("the connection was cut before the answer")

// Write implements net.Conn.
func (c *faulty) Write(p []byte) (int, error) {
	c.pending = append(c.pending, p...)
	var out []byte
	cut := false
	for {
		message, whole := c.message()
		if !whole {
			break
		}
		statement, executes := c.statement(message)
		var fault *Fault
		if executes {
			fault = c.faults.next(statement)
		}
		switch {
		case fault == nil:
			out = append(out, message...)
		case fault.SQL != "":
			out = append(out, instead(message, fault.SQL)...)
		case fault.Unanswered:
			out, cut = append(out, message...), true
		default:
			if _, err := c.Conn.Write(out); err != nil {
				return 0, err
			}
			if fault.Before != nil {
				fault.Before(c.process())
			}
			if fault.Unsent {
				return 0, errors.Join(&net.OpError{Op: "write", Err: errUnanswered}, c.Close())
			}
			out = bytes.Clone(message)
		}
	}
	if _, err := c.Conn.Write(out); err != nil {
		return 0, err
	}
	if cut {
		return 0, errors.Join(&net.OpError{Op: "write", Err: errUnanswered}, c.Close())
	}
	return len(p), nil
}

// message takes the next whole message of what was written.
func (c *faulty) message() ([]byte, bool) {
	head := 1
	if !c.started {
		head = 0
	}
	if len(c.pending) < head+4 {
		return nil, false
	}
	length := head + int(binary.BigEndian.Uint32(c.pending[head:]))
	if len(c.pending) < length {
		return nil, false
	}
	c.started = true
	message := c.pending[:length:length]
	c.pending = c.pending[length:]
	return message, true
}

// The types of messages that bring a statement.
const (
	typeQuery, typeParse, typeBind = 'Q', 'P', 'B'
	keyOfCancel                    = 'K' // the server's, with its process
)

// statement returns the text of the statement that a message has parsed or executed. What is parsed without a name is
// executed at once, and counts once.
func (c *faulty) statement(message []byte) (text string, executes bool) {
	switch body := message[min(5, len(message)):]; message[0] {
	case typeQuery:
		text, _ := cString(body)
		return text, true
	case typeParse:
		name, rest := cString(body)
		text, _ := cString(rest)
		if name != "" {
			if c.prepared == nil {
				c.prepared = map[string]string{}
			}
			c.prepared[name] = text
		}
		return text, true
	case typeBind:
		_, rest := cString(body)
		name, _ := cString(rest)
		return c.prepared[name], name != ""
	}
	return "", false
}

func cString(b []byte) (text string, rest []byte) {
	at := bytes.IndexByte(b, 0)
	if at < 0 {
		return "", nil
	}
	return string(b[:at]), b[at+1:]
}

// instead has the server execute something else, and then, should that not have failed, the message.
func instead(message []byte, sql string) []byte {
	if message[0] == typeQuery {
		return framed(typeQuery, sql+"\x00")
	}
	return bytes.Join([][]byte{
		framed(typeParse, "\x00"+sql+"\x00\x00\x00"), framed(typeBind, "\x00\x00\x00\x00\x00\x00\x00\x00"), framed('E', "\x00\x00\x00\x00\x00"), message,
	}, nil)
}

func framed(kind byte, body string) []byte {
	out := binary.BigEndian.AppendUint32([]byte{kind}, uint32(4+len(body)))
	return append(out, body...)
}

// Read implements net.Conn.
func (c *faulty) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pid == 0 {
		c.answered = append(c.answered, p[:n]...)
		c.pid = processOf(c.answered)
	}
	return n, err
}

func (c *faulty) process() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pid
}

// processOf finds the server's process in what it said first, or returns 0.
func processOf(answered []byte) uint32 {
	for len(answered) >= 5 {
		length := 1 + int(binary.BigEndian.Uint32(answered[1:]))
		if length > len(answered) {
			return 0
		}
		if answered[0] == keyOfCancel {
			return binary.BigEndian.Uint32(answered[5:])
		}
		answered = answered[length:]
	}
	return 0
}
