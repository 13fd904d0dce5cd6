// Package ods lands pages of raw records in PostgreSQL: it makes the tables, writes new and changed records by COPY,
// keeps every version, and moves the cursor, all of a page in one transaction. It never fetches anything and never
// looks into a record beyond its key, its version field and what PostgreSQL would refuse.
package ods

import (
	"time"

	"github.com/google/uuid"
)

// Stream is the declaration of one ODS table.
type Stream struct {
	// Name is the table, schema-qualified: "feiqiu_ods.member_profiles".
	Name string
	// Key identifies a record; empty means the record's own content does.
	Key []KeyColumn
	// Version is the path of a field that orders the versions of one record, or "": an older version that arrives
	// after a newer one is kept as history and does not become current.
	Version string
	// KeepFirst keeps the first version of a record current and ignores later ones.
	KeepFirst bool
	// FileColumns adds _file and _line, for streams that are read from files.
	FileColumns bool
	// FailOnReject makes a record that cannot be landed the failure of its page.
	FailOnReject bool
}

// KeyColumn is one column of a stream's key.
type KeyColumn struct {
	Name string // column name, snake case
	Path string // "$.data.id": names below the record's root; "" for a value that the reader gives
	Type string // SQL type, "text" by default
}

// SliceKind says what a slice is a slice of.
type SliceKind string

// The kinds of slices.
const (
	Window  SliceKind = "window"  // a half-open stretch of time
	Full    SliceKind = "full"    // the whole source, read each time
	File    SliceKind = "file"    // one content of one file
	Parents SliceKind = "parents" // a pass over the changed records of a parent stream
)

// SliceSpec names a slice before it is opened.
type SliceSpec struct {
	Kind    SliceKind
	Variant string    // fan-out value, "" without one
	Key     string    // files: content hash; else ""
	Start   time.Time // windows only, inclusive
	End     time.Time // windows only, exclusive
	// Meta is kept with the slice as JSON, for people and for the reader: a file's path, size and mtime.
	Meta map[string]any
}

// Slice is an opened slice: the row of terrace.slice that the next pages belong to.
type Slice struct {
	ID     int64
	Spec   SliceSpec
	Resume string // where an earlier reader stopped, "" at the start
	Pages  int    // pages committed so far

	run uuid.UUID // that opened it
}

// Page is what one transaction lands.
type Page struct {
	Stream   Stream
	Slice    Slice
	RunID    uuid.UUID
	Number   int    // of the page within its slice, from 1
	Endpoint string // where it came from, without secrets
	Request  string // what was asked, redacted
	Bytes    int64  // size as received
	Fetched  time.Time
	Records  []Record
	Rejects  []Reject // what the reader itself could not make a record of
	// Resume is where reading goes on after this page, for sources that can; "" otherwise.
	Resume string
	// Last marks the slice's last page: the slice becomes done and the watermark moves, in this transaction.
	Last bool
	// Total is how many records the source says the slice has, if it says so.
	Total *int64
	// Meta is added to what is kept with the slice: what is known only when reading has come this far.
	Meta map[string]any
	// Turn, where it is not nil, is closed when the pages before this one in its slice have been landed. The page may be
	// given before that, unless it shares a key with one of them, and is committed after it; errors come after it, too.
	Turn <-chan struct{}

	prepared *Prepared
}

// Prepared returns the page with everything done to it that needs no database, so that this can happen beside the
// landing of another page. The page is not to be changed afterwards. Errors are those of Prepare.
func (p Page) Prepared() (Page, error) {
	prepared, err := Prepare(p)
	if err != nil {
		return p, err
	}
	p.prepared = prepared
	return p, nil
}

// SharesKeys reports whether records of both pages, which have been prepared, may be records of one key.
func (p Page) SharesKeys(other Page) bool { return p.prepared.shares(other.prepared) }

// Record is one record, byte for byte as received. The slice is not kept after Land returns.
type Record struct {
	Raw  []byte
	File string // streams with FileColumns only
	Line int64  // of the record's first byte in File, from 1
	// Given are the values of the key columns without a Path, in their order: JSON scalars that the record itself does
	// not have, such as the shop that it was asked of.
	Given []string
}

// Reject is a record that cannot be landed, with its bytes and the reason.
type Reject struct {
	Raw     []byte
	Reason  string // one of the Reason constants, or the reader's own word
	Message string
	Place   string // "orders.csv:17", "page 3, record 12"
}

// Landed says what one page changed.
type Landed struct {
	BatchID   int64
	Inserted  int64
	Updated   int64
	Unchanged int64
	Rejected  int64
}

// State is what is known of a stream before it is read again.
type State struct {
	// Watermarks by variant: everything before the instant has been read without a hole.
	Watermarks map[string]time.Time
	// Files that have been landed whole, by content hash.
	Files map[string]FileState
}

// FileState is what terrace remembers of a landed file, to tell an unchanged one without reading it.
type FileState struct {
	Path     string
	Size     int64
	Modified time.Time
}
