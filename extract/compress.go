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

// maxLayers is how often content may have been compressed: what is stored as gzip may be compressed once more on its way.
const maxLayers = 2

// decompressed sees through gzip and zstd, by their first bytes, and through one in the other.
func decompressed(raw io.Reader) (io.ReadCloser, error) {
	packed := &metered{r: raw}
	content := io.NopCloser(packed)
	for range maxLayers {
		r := bufio.NewReaderSize(content, 1<<16)
		z, err := decoder(r)
		if err != nil {
			return nil, errors.Join(err, content.Close())
		}
		if z == nil {
			return layer{r, content}, nil
		}
		content = &unpacked{ReadCloser: layer{z, both{z, content}}, packed: packed}
	}
	return content, nil
}

// decoder decompresses what begins like compressed content; it is nil for what does not.
func decoder(r *bufio.Reader) (io.ReadCloser, error) {
	magic, err := r.Peek(len(zstdMagic))
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case bytes.HasPrefix(magic, gzipMagic):
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, damaged(err)
		}
		return z, nil
	case bytes.Equal(magic, zstdMagic):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	default:
		return nil, nil
	}
}

// layer reads from one thing and closes another.
type layer struct {
	io.Reader
	io.Closer
}

// both closes a decoder and what it reads from.
type both struct{ decoder, content io.Closer }

func (b both) Close() error { return errors.Join(b.decoder.Close(), b.content.Close()) }

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
