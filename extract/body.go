package extract

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// maxInMemory is how much of a response is kept in memory; a larger one goes through a temporary file, so that memory
// does not grow with what a source sends.
const maxInMemory = 8 << 20

// body is a response's content, received to its end and decompressed.
type body struct {
	memory []byte
	file   *os.File
	size   int64
}

var errTooLarge = errors.New("the answer is larger than max_body")

// receive reads a response's body. Its end is proof that it is whole: lengths and checksums have been compared.
func receive(resp *http.Response, limit int64, dir string) (*body, error) {
	plain, err := decompressed(resp.Body)
	if err != nil {
		return nil, err
	}
	defer plain.Close() // of a decoder, which has nothing to say then
	buffered := bufio.NewReader(plain)
	var content io.Reader = buffered
	declared, err := charset(resp)
	switch {
	case err != nil:
		return nil, err
	case declared != nil:
		content = &strictText{r: transform.NewReader(content, unicode.BOMOverride(declared.NewDecoder()))}
	case marksUTF16(buffered):
		content = &strictText{r: transform.NewReader(content, unicode.BOMOverride(transform.Nop))}
	}
	return spool(io.LimitReader(content, limit+1), limit, dir)
}

// charset is the encoding that the answer says it is in, nil for UTF-8 and where it says nothing.
func charset(resp *http.Response) (encoding.Encoding, error) {
	_, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || params["charset"] == "" {
		return nil, nil
	}
	e, err := lookupEncoding(params["charset"])
	if err != nil {
		return nil, &Error{
			Kind: UnexpectedContent, Message: err.Error() + ", which the answer's Content-Type names",
			Hint: "ask the source for UTF-8, such as by headers: {Accept-Charset: utf-8}",
		}
	}
	return e, nil
}

// marksUTF16 reports whether the content begins with the mark of UTF-16.
func marksUTF16(r *bufio.Reader) bool {
	start, _ := r.Peek(2) // a shorter content has no mark; a broken one fails when it is read
	return len(start) == 2 && (start[0] == 0xfe && start[1] == 0xff || start[0] == 0xff && start[1] == 0xfe)
}

func spool(r io.Reader, limit int64, dir string) (*body, error) {
	var memory bytes.Buffer
	n, err := io.CopyN(&memory, r, min(limit, maxInMemory)+1)
	switch {
	case errors.Is(err, io.EOF):
		return &body{memory: bytes.TrimPrefix(memory.Bytes(), byteOrderMark), size: n}, nil
	case err != nil:
		return nil, err
	case n > limit:
		return nil, errTooLarge
	}
	file, err := os.CreateTemp(dir, "terrace-page-*")
	if err != nil {
		return nil, fmt.Errorf("keep a large page: %w", err)
	}
	b := &body{file: file}
	// Nobody finds the file by its name; without one it is gone when the process is, however that ends.
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, b.close())
	}
	b.size, err = io.Copy(file, io.MultiReader(&memory, r))
	if err == nil && b.size > limit {
		err = errTooLarge
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// reader reads the content from its beginning.
func (b *body) reader() io.Reader {
	if b.file == nil {
		return bytes.NewBuffer(b.memory)
	}
	r := bufio.NewReader(io.NewSectionReader(b.file, 0, b.size))
	if start, err := r.Peek(len(byteOrderMark)); err == nil && bytes.Equal(start, byteOrderMark) {
		// The bytes have just been peeked at, so they are there.
		_, _ = r.Discard(len(byteOrderMark))
	}
	return r
}

// head is the beginning of the content, for messages.
func (b *body) head(limit int) string {
	start := make([]byte, limit)
	n, _ := io.ReadFull(b.reader(), start) // a shorter content is fine, and so is an unreadable one: it is a message
	return string(bytes.ToValidUTF8(start[:n], []byte("�")))
}

func (b *body) close() error {
	if b == nil || b.file == nil {
		return nil
	}
	return b.file.Close()
}
