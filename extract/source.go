package extract

import (
	"net/url"
	"time"

	"github.com/terrace-elt/terrace/ods"
)

// SourceType says where a source's records come from.
type SourceType string

// The types of sources.
const (
	HTTP     SourceType = "http"
	Files    SourceType = "files"
	S3       SourceType = "s3"
	Postgres SourceType = "postgres"
	Existing SourceType = "existing"
)

// Source is one file under models/<domain>/ods. It is not changed after Load and may be used by many goroutines.
type Source struct {
	Name    string
	Schema  string // "feiqiu_ods"
	File    string
	Type    SourceType
	Streams []*Stream // in the order of the file

	baseURL *url.URL
	url     value // of type postgres: where the database is, and as whom it is read
	s3      s3Server
	auth    auth
	sign    *sign // nil: requests are not signed
	limits  limits
}

// Stream is one stream of a source. It is not changed after Load and may be used by many goroutines.
type Stream struct {
	Name        string // "feiqiu_ods.member_profiles"
	Source      *Source
	Line        int
	Tags        []string
	Description string
	// Landing is what the warehouse needs to know of the stream. It is zero for streams of type existing.
	Landing ods.Stream
	// Relation, Key and ChangedAt describe a relation that others fill; they are set for streams of type existing only.
	Relation  string
	Key       []string
	ChangedAt string
	// Slicing is nil for streams that are read in full each time.
	Slicing *Slicing

	request   request
	responses responses
	paginate  paginate
	parent    *parent
	each      []dimension
	routes    []route  // none: the request's own path
	given     []string // placeholders whose values are key columns, in the key's order
	sweep     *sweep   // nil: nothing is found to be deleted
	files     files
	format    fileFormat
	query     query // of type postgres
}

// External reports whether others fill the relation, so that there is nothing to read.
func (s *Stream) External() bool { return s.Source.Type == Existing }

// filed reports whether the source's slices are files.
func (s *Source) filed() bool { return s.Type == Files || s.Type == S3 }

// Recordable reports whether what is read of the source can be recorded and replayed.
func (s *Source) Recordable() bool { return s.Type == HTTP || s.Type == Postgres }

// Parent is the stream whose records this one fetches details for, or "".
func (s *Stream) Parent() string {
	if s.parent == nil {
		return ""
	}
	return s.parent.stream
}

// limits bound what is asked of a source.
type limits struct {
	rates       []rate
	concurrency int
	timeout     time.Duration
	maxBody     int64
}

// rate is at most n requests in any stretch of the given length.
type rate struct {
	n   int
	per time.Duration
}

// responses says how an answer is read and judged.
type responses struct {
	selection    *selection
	records      path
	missingEmpty bool
	success      predicate
	split        predicate // a window that it holds for is cut in two
	rules        []rule
}

// rule is one entry of on.
type rule struct {
	when   predicate
	do     action
	wait   time.Duration
	reason string
}

type action string

const (
	doRetry   action = "retry"
	doBackoff action = "backoff"
	doRenew   action = "refresh_token"
	doSkip    action = "skip"
	doFail    action = "fail"
)

// parent says which records of another stream a stream's requests are made for.
type parent struct {
	stream      string
	names       []string // of the placeholders, sorted
	columns     []string // of the parent's key, in the order of names
	numeric     []bool   // whether the column's type is a number
	concurrency int
}
