package extract

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// What compressed content may become: text that people and programs write shrinks to a tenth, the most repetitive log to
// a hundredth. Content that grows more than this, beyond an amount that does no harm, is made to fill disks.
const (
	maxGrowth      = 250
	harmlessGrowth = 64 << 20
)

// bomb is the error of content that grows beyond all measure.
func bomb() error {
	return &Error{
		Kind:    UnexpectedContent,
		Message: fmt.Sprintf("the content grows more than %d-fold when it is decompressed", maxGrowth),
		Hint:    "such content is made to fill disks; where it is meant to be so, decompress it first",
	}
}

// decompressed sees through gzip and zstd, by their first bytes.
func decompressed(raw io.Reader) (io.ReadCloser, error) {
	packed := &metered{r: raw}
	r := bufio.NewReaderSize(packed, 1<<16)
	magic, err := r.Peek(len(zstdMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, gzipMagic):
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, damaged(err)
		}
		return &unpacked{ReadCloser: z, packed: packed}, nil
	case bytes.Equal(magic, zstdMagic):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
		if err != nil {
			return nil, err
		}
		return &unpacked{ReadCloser: z.IOReadCloser(), packed: packed}, nil
	default:
		return io.NopCloser(r), nil
	}
}

// metered counts what is read.
type metered struct {
	r io.Reader
	n int64
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	return n, err
}

// unpacked is decompressed content that ends when it grows too much.
type unpacked struct {
	io.ReadCloser
	packed *metered
	n      int64
}

func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if u.n += int64(n); u.n > harmlessGrowth && u.n > maxGrowth*u.packed.n {
		return 0, bomb()
	}
	return n, damaged(err)
}

// damagedError is compressed content that cannot be decompressed, such as that of a file that was not copied whole.
type damagedError struct{ error }

func (e damagedError) Unwrap() error { return e.error }

// damaged tells what the decompression finds wrong from what reading does.
func damaged(err error) error {
	var typed *Error
	var reading *fs.PathError
	if err == nil || errors.Is(err, io.EOF) || errors.As(err, &typed) || errors.As(err, &reading) || errors.Is(err, context.Canceled) {
		return err
	}
	return damagedError{err}
}
