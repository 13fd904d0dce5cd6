package extract

import (
	"net"
	slashpath "path"
	"strconv"
	"strings"
	"time"
)

// Origin is where a stream's records come from, in the words of the field's lineage services: a namespace that says which
// system, and a name within it. It is false for relations that others fill, which are where they are read, and where the
// environment does not say enough. Neither holds a credential.
func (s *Stream) Origin(env func(string) (string, bool)) (namespace, name string, ok bool) {
	source := s.Source
	_, short, _ := strings.Cut(s.Name, ".")
	switch source.Type {
	case HTTP:
		if source.baseURL == nil {
			return "", "", false
		}
		at, err := s.request.path.plain(scope{env: env, now: time.Time{}, zone: time.UTC})
		if err != nil { // it differs from request to request
			at = short
		}
		return source.baseURL.Scheme + "://" + source.baseURL.Host, slashpath.Join("/", source.baseURL.Path, at), true
	case Files:
		return "file", slashpath.Join(s.files.path, s.files.glob), true
	case S3:
		return "s3://" + s.files.bucket, s.files.prefix + s.files.glob, true
	case Postgres:
		address, err := source.url.plain(scope{env: env, now: time.Time{}, zone: time.UTC})
		if err != nil {
			return "", "", false
		}
		config, err := sourceConfig(address)
		if err != nil {
			return "", "", false
		}
		return "postgres://" + net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))), config.Database + "." + short, true
	default:
		return "", "", false
	}
}
