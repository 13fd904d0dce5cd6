package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/hashicorp/go-cleanhttp"
	"github.com/minio/minio-go/v7"
	s3auth "github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/terrace-elt/terrace/ods"
)

// maxListings is how often the objects are listed in one reading: some may be replaced between listing and reading.
const maxListings = 3

// buckets speaks to the server of one source of type s3.
type buckets struct {
	core    *minio.Core
	timeout time.Duration // of an answer, and between two pieces of an object
	retry   Retry
	secrets *Secrets
	log     *slog.Logger
	file    string // of the declaration
	hint    string // when the keys are not accepted
}

func newBuckets(s *Source, d Deps, t *traffic) (*buckets, error) {
	b := &buckets{timeout: s.limits.timeout, retry: d.Retry.withDefaults(), log: d.Log, file: s.File}
	b.hint = "correct auth in " + s.File
	if names := s.s3.variables(); len(names) > 0 {
		b.hint = fmt.Sprintf("correct %s in the environment or in .env, or grant reading to them", strings.Join(names, " and "))
	}
	sc := scope{env: d.LookupEnv, now: d.Now(), zone: time.UTC}
	access, errAccess := s.s3.accessKey.plain(sc)
	secret, errSecret := s.s3.secretKey.plain(sc)
	if err := errors.Join(errAccess, errSecret); err != nil {
		return nil, (&client{source: s}).settings(err, "auth")
	}
	b.secrets = NewSecrets(secret)
	transport := d.Transport
	if transport == nil {
		pooled := cleanhttp.DefaultPooledTransport()
		pooled.ResponseHeaderTimeout = s.limits.timeout
		transport = pooled
	}
	lookup := minio.BucketLookupAuto
	if style := s.s3.pathStyle; style != nil {
		lookup = map[bool]minio.BucketLookupType{true: minio.BucketLookupPath, false: minio.BucketLookupDNS}[*style]
	}
	var err error
	b.core, err = minio.NewCore(s.s3.endpoint.Host, &minio.Options{
		Creds:        s3auth.NewStaticV4(strings.TrimSpace(access), strings.TrimSpace(secret), ""),
		Secure:       s.s3.endpoint.Scheme == "https",
		Transport:    &paced{RoundTripper: transport, limiter: newLimiter(s.limits.rates, d.Now), traffic: t, source: s, log: d.Log},
		Region:       s.s3.region,
		BucketLookup: lookup,
		MaxRetries:   b.retry.Attempts,
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", s.s3.endpoint.Host, err)
	}
	return b, nil
}

// paced keeps requests within the source's rates, counts them, and tells of those that the client will repeat.
type paced struct {
	http.RoundTripper
	limiter *limiter
	traffic *traffic
	source  *Source
	log     *slog.Logger
}

func (p *paced) RoundTrip(req *http.Request) (*http.Response, error) {
	waited, err := p.limiter.wait(req.Context())
	p.traffic.waited.Add(int64(waited))
	p.traffic.requests.Add(1)
	if err != nil {
		return nil, err
	}
	resp, err := p.RoundTripper.RoundTrip(req)
	switch {
	case req.Context().Err() != nil:
	case err != nil:
		p.log.WarnContext(req.Context(), "the server did not answer", "source", p.source.Name, "server", req.URL.Host, "why", err.Error())
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= http.StatusInternalServerError:
		p.log.WarnContext(req.Context(), "the server did not answer well", "source", p.source.Name, "server", req.URL.Host, "why", resp.Status)
	}
	return resp, err
}

// objectUnits lists the objects of the stream that have not been landed, by key. An object is known by its key, etag and
// size, so none is read to find out whether it is new; the hash of its content is noted when it has been read.
func (r *reading) objectUnits(ctx context.Context, state ods.State) ([]unit, error) {
	b, err := newBuckets(r.stream.Source, r.deps, &r.traffic)
	if err != nil {
		return nil, err
	}
	declared := r.stream.files
	place := "LIST s3://" + declared.bucket + "/" + declared.prefix
	var units []unit
	matched := false
	for info := range b.core.ListObjectsIter(ctx, declared.bucket, minio.ListObjectsOptions{Prefix: declared.prefix, Recursive: true}) {
		if info.Err != nil {
			return nil, b.explain(ctx, place, info.Err)
		}
		if !declared.matches(info.Key) {
			continue
		}
		matched = true
		o := object{buckets: b, bucket: declared.bucket, key: info.Key, etag: strings.Trim(info.ETag, `"`), size: info.Size}
		if _, landed := state.Files[o.identity()]; !landed {
			units = append(units, r.objectUnit(o, info.LastModified))
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if !matched {
		return nil, r.stream.nothingMatches("no object", "s3://"+declared.bucket+"/"+declared.prefix)
	}
	slices.SortFunc(units, func(x, y unit) int { return strings.Compare(x.spec.Key, y.spec.Key) })
	return units, nil
}

// matches reports whether a key is one of the stream's. Keys that end in a slash stand for folders.
func (f files) matches(key string) bool {
	rest := strings.TrimPrefix(strings.TrimPrefix(key, f.prefix), "/")
	ok, err := doublestar.Match(f.glob, rest)
	return ok && err == nil && !strings.HasSuffix(key, "/")
}

func (r *reading) objectUnit(o object, modified time.Time) unit {
	f := &sourceFile{reading: r, path: o.path(), key: o.identity(), content: o.read}
	f.meta = map[string]any{
		"path": f.path, "size": o.size, "etag": o.etag, "modified": modified.UTC().Format(time.RFC3339Nano),
	}
	return unit{spec: f.spec(), read: f.read}
}

// object is one content of one object.
type object struct {
	*buckets
	bucket, key, etag string
	size              int64
}

func (o object) path() string { return "s3://" + o.bucket + "/" + o.key }

// identity is the key first, so that slices are in the order of keys.
func (o object) identity() string { return fmt.Sprintf("%s %s %d", o.path(), o.etag, o.size) }

// read gives the object's content from its beginning. It goes on where a connection breaks, and fails when the object is
// no longer the one that was listed.
func (o object) read(ctx context.Context) (io.ReadCloser, error) {
	r := &objectReader{object: o, ctx: ctx}
	return r, r.open()
}

// objectReader reads one object, over as many requests as it takes.
type objectReader struct {
	object
	ctx   context.Context //nolint:containedctx // a reader has no other way to hear of it
	body  io.ReadCloser
	stop  func()
	clock *time.Timer
	at    int64
	tries int
}

// open asks for the rest of the object.
func (r *objectReader) open() error {
	var options minio.GetObjectOptions
	if err := options.SetMatchETag(r.etag); err != nil {
		return fmt.Errorf("read %s: %w", r.path(), err)
	}
	if r.at > 0 {
		if err := options.SetRange(r.at, 0); err != nil {
			return fmt.Errorf("read %s: %w", r.path(), err)
		}
	}
	ctx, stop := context.WithCancelCause(r.ctx)
	body, _, _, err := r.core.GetObject(ctx, r.bucket, r.key, options)
	if err != nil {
		stop(nil)
		return r.explain(r.ctx, "GET "+r.path(), err)
	}
	r.body, r.stop = body, func() { stop(nil) }
	r.clock = time.AfterFunc(r.timeout, func() { stop(fmt.Errorf("nothing came for %s", r.timeout)) })
	return nil
}

func (r *objectReader) Read(p []byte) (int, error) {
	for {
		n, err := r.body.Read(p)
		r.at += int64(n)
		switch {
		case n > 0:
			r.clock.Reset(r.timeout)
			r.tries = 0
			return n, nil // what else there is to say is said again at the next call
		case err == nil:
			continue
		case r.at == r.size && errors.Is(err, io.EOF):
			return 0, io.EOF
		}
		if r.tries++; r.tries >= r.retry.Attempts || r.ctx.Err() != nil {
			return 0, r.explain(r.ctx, "GET "+r.path(), fmt.Errorf("the object broke off after %d of %d bytes: %w", r.at, r.size, err))
		}
		if err := r.again(); err != nil {
			return 0, err
		}
	}
}

// again waits and asks for the rest.
func (r *objectReader) again() error {
	d := min(r.retry.Min<<min(r.tries-1, 20), r.retry.Max)
	repeating(r.ctx, r.log, r.path(), fmt.Sprintf("it broke off after %d of %d bytes", r.at, r.size), r.tries+1, r.retry.Attempts, d)
	if _, err := pause(r.ctx, d); err != nil {
		return err
	}
	_ = r.Close() // it is broken
	return r.open()
}

// Close ends the request.
func (r *objectReader) Close() error {
	if r.body == nil {
		return nil
	}
	r.clock.Stop()
	err := r.body.Close()
	r.stop()
	r.body = nil
	return err
}

// explain says what an error of the server means, and what to do. A server's words may quote what was sent.
func (b *buckets) explain(ctx context.Context, request string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	out := &Error{Kind: Transport, Request: request, Message: b.secrets.Redact(err.Error()), cause: err}
	var addressed *url.Error
	if errors.As(err, &addressed) {
		out.Message = b.secrets.Redact(addressed.Err.Error())
	}
	answer := minio.ToErrorResponse(err)
	switch {
	case answer.StatusCode == http.StatusPreconditionFailed, answer.Code == "NoSuchKey":
		out.Kind, out.Message = Changed, "the object was replaced or removed after it had been listed"
		out.Hint = "run again; what is there then will be read"
	case answer.Code == "NoSuchBucket":
		out.Kind, out.Hint = Settings, "make the bucket, or correct files.bucket in "+b.file
	case answer.StatusCode == http.StatusForbidden, answer.StatusCode == http.StatusUnauthorized,
		answer.Code == minio.InvalidAccessKeyID, answer.Code == "XAdminUserNotFound": // versitygw's word for it
		out.Kind, out.Hint = Auth, b.hint
	case answer.StatusCode >= http.StatusBadRequest && answer.StatusCode < http.StatusInternalServerError:
		out.Kind = Refused
	default:
		out.Hint = "is " + b.core.EndpointURL().Host + " reachable from here?"
	}
	return out
}

// replaced reports whether all that a reading failed for are objects that were replaced after they had been listed, so that
// listing again finds what to read.
func (r *reading) replaced(err error) bool {
	if r.stream.Source.Type != S3 || err == nil {
		return false
	}
	var e *Error
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the join itself is looked into
		return !slices.ContainsFunc(joined.Unwrap(), func(err error) bool { return !errors.As(err, &e) || e.Kind != Changed })
	}
	return errors.As(err, &e) && e.Kind == Changed
}
