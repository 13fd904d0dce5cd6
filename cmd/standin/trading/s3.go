package trading

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxKeys is how many keys a listing has at most. S3 has 1,000; fewer show that a reader asks on.
const maxKeys = 25

// Handler serves the bucket as S3 does to readers: listings (version 2) and objects, with ranges and conditions, under
// path-style addresses. The access key is looked at and the signature is not: whether requests are signed well is for a
// real server to say.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		l := s.Ledger()
		switch {
		case !strings.Contains(r.Header.Get("Authorization"), " Credential="+s.options.AccessKey+"/"):
			refuse(w, http.StatusForbidden, "InvalidAccessKeyId", "The access key is not known.")
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			refuse(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "This bucket is for reading.")
		case bucket != s.options.Bucket:
			refuse(w, http.StatusNotFound, "NoSuchBucket", "There is no such bucket.")
		case key == "":
			l.list(w, r)
		default:
			l.serve(w, r, key)
		}
	})
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	reply(w, status, struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: message})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(xml.Header))
	_ = xml.NewEncoder(w).Encode(v) // a client that is gone is no concern of the server's
}

// listing is an answer to ListObjectsV2.
type listing struct {
	XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Name                  string
	Prefix                string
	KeyCount              int
	MaxKeys               int
	IsTruncated           bool
	NextContinuationToken string `xml:",omitempty"`
	Contents              []listed
}

type listed struct {
	Key          string
	LastModified string
	ETag         string
	Size         int
	StorageClass string
}

// list answers with the keys after the one that the token of the listing before names.
func (l *Ledger) list(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	out := listing{Name: l.options.Bucket, Prefix: query.Get("prefix"), MaxKeys: maxKeys}
	if asked, err := strconv.Atoi(query.Get("max-keys")); err == nil {
		out.MaxKeys = min(maxKeys, asked)
	}
	after := max(query.Get("continuation-token"), query.Get("start-after"))
	for _, key := range l.Keys() {
		if !strings.HasPrefix(key, out.Prefix) || key <= after {
			continue
		}
		if len(out.Contents) == out.MaxKeys {
			out.IsTruncated, out.NextContinuationToken = true, out.Contents[len(out.Contents)-1].Key
			break
		}
		o := l.objects[key]
		out.Contents = append(out.Contents, listed{
			Key: key, LastModified: o.modified.UTC().Format(time.RFC3339), ETag: `"` + o.etag + `"`, Size: len(o.content), StorageClass: "STANDARD",
		})
	}
	out.KeyCount = len(out.Contents)
	reply(w, http.StatusOK, out)
}

func (l *Ledger) serve(w http.ResponseWriter, r *http.Request, key string) {
	o, ok := l.objects[key]
	if !ok {
		refuse(w, http.StatusNotFound, "NoSuchKey", "There is no such object.")
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("ETag", `"`+o.etag+`"`)
	http.ServeContent(w, r, "", o.modified, bytes.NewReader(o.content))
}
