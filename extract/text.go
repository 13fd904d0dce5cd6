package extract

import (
	"bytes"
	"errors"
	"io"
)

var (
	gzipMagic     = []byte{0x1f, 0x8b}
	zstdMagic     = []byte{0x28, 0xb5, 0x2f, 0xfd}
	byteOrderMark = []byte("\xef\xbb\xbf")
	replacement   = []byte("\uFFFD")
)

var errBadText = errors.New("bytes that are not of the declared encoding")

// strictText fails where a decoder had to put U+FFFD for bytes that mean nothing in its encoding.
type strictText struct {
	r    io.Reader
	tail []byte // the end of what was read before, which may begin a U+FFFD
}

func (s *strictText) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	seen := append(s.tail, p[:n]...)
	if bytes.Contains(seen, replacement) {
		return 0, errBadText
	}
	s.tail = append(s.tail[:0], seen[max(0, len(seen)-len(replacement)+1):]...)
	return n, err
}
