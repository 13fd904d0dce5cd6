package extract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terrace-elt/terrace/dag/model/strict"
	"github.com/terrace-elt/terrace/ods"
)

// fetchRows is how many rows one statement fetches. They are read one by one, so it does not bound the memory, but the work
// that limits.timeout is for.
const fetchRows = 1_000

// readRows lands the rows of a slice's query. When the server breaks off, the query is made again, in a new transaction:
// what the first attempt landed writes nothing.
func (r *reading) readRows(ctx context.Context, slice ods.Slice, emit func(ods.Page) error) error {
	return r.queryAgain(ctx, r.fill(slice.Spec), emit)
}

func (r *reading) queryAgain(ctx context.Context, f fill, emit func(ods.Page) error) error {
	retry := r.deps.Retry.withDefaults()
	for tries := 1; ; tries++ {
		err := r.queryOnce(ctx, f, emit)
		var known *Error
		if !errors.As(err, &known) || !known.repeat || tries >= retry.Attempts {
			return err
		}
		r.traffic.retries.Add(1)
		d := min(retry.Min<<min(tries-1, 20), retry.Max)
		repeating(ctx, r.deps.Log, r.stream.Name, known.Message, tries+1, retry.Attempts, d)
		waited, err := pause(ctx, d)
		r.traffic.waited.Add(int64(waited))
		if err != nil {
			return err
		}
	}
}

func (r *reading) queryOnce(ctx context.Context, f fill, emit func(ods.Page) error) error {
	x := newExchange(r.stream, f, r.database.known())
	read, err := r.rows(ctx, x, f)
	if err != nil {
		return err
	}
	now := r.deps.Now
	if r.overlaps() {
		now = func() time.Time { return seatOf(ctx).arrived(r.deps.Now) } // it shows the records as they were when it began
	}
	c := &chunker{emit: emit, page: ods.Page{Endpoint: "query " + r.stream.Source.Name, Request: x.request, Fetched: x.at(now())}}
	given := r.stream.givenKeys(f)
	err = read(func(row []byte) error {
		r.traffic.bytes.Add(int64(len(row)))
		c.page.Bytes += int64(len(row))
		return c.add(ods.Record{Raw: c.keep(row), Given: given})
	})
	if err != nil {
		return err
	}
	return c.finish(true)
}

// overlaps reports whether two slices of the reading may have records in common.
func (r *reading) overlaps() bool { return len(r.stream.each) > 0 }

// rows gives the way to a query's rows as JSON, each valid until the next: from the server, or from a recording.
func (r *reading) rows(ctx context.Context, x *exchange, f fill) (func(take func(row []byte) error) error, error) {
	x.request = r.stream.shownQuery(f)
	if r.deps.Recording != nil {
		return r.deps.Recording.rows(x)
	}
	read := func(take func([]byte) error) error { return r.database.read(ctx, r.stream, f, &r.traffic, take) }
	if r.deps.Recorder == nil {
		return read, nil
	}
	kept, err := r.deps.Recorder.keep(x, 0, nil)
	if err != nil {
		return nil, err
	}
	return func(take func([]byte) error) error {
		err := read(func(row []byte) error {
			if err := kept.row(row); err != nil {
				return err
			}
			return take(row)
		})
		return errors.Join(err, kept.end(err == nil))
	}, nil
}

// shownQuery is the query with its bounds in it, for people.
func (s *Stream) shownQuery(f fill) string {
	return s.query.with(func(name string) string { return "'" + strings.ReplaceAll(f.parameter(name), "'", "''") + "'" })
}

// parameter is the value of a query's :name.
func (f fill) parameter(name string) string {
	if name == "start" || name == "end" {
		return plainText(f.values["slice."+name])
	}
	return plainText(f.values["each."+name])
}

// read reads a query through a cursor, in one transaction that writes nothing and sees one state of the database.
func (db *database) read(ctx context.Context, s *Stream, f fill, t *traffic, take func(row []byte) error) error {
	request := "query on " + db.place
	waited, err := db.limits.wait(ctx)
	t.waited.Add(int64(waited))
	t.requests.Add(1)
	if err != nil {
		return db.explain(ctx, request, err)
	}
	conn, err := db.connect(ctx)
	if err != nil {
		return db.explain(ctx, request, err)
	}
	defer db.release(ctx, conn)
	var taking error
	opening := newPatience(ctx, db.source.limits.timeout)
	err = opening.stop(db.cursor(opening.ctx, conn, s, f))
	for more := err == nil; more; {
		more, err = db.fetch(ctx, conn, func(row []byte) error {
			taking = take(row)
			return taking
		})
	}
	if taking != nil {
		return taking
	}
	if err != nil {
		return db.explain(ctx, request, err)
	}
	return nil
}

// cursor begins the transaction and opens the cursor in it.
func (db *database) cursor(ctx context.Context, conn *pgconn.PgConn, s *Stream, f fill) error {
	names, err := db.begin(ctx, conn, s)
	if err != nil {
		return err
	}
	var values [][]byte
	for _, name := range names {
		values = append(values, []byte(f.parameter(name)))
	}
	sql, _ := s.query.statement()
	// The rows are made JSON by the server, which knows what its types are: numbers keep every digit, binary is hexadecimal.
	declare := "declare terrace_rows no scroll cursor without hold for select row_to_json(terrace_row.*)::text from (\n" +
		sql + "\n) as terrace_row"
	return conn.ExecParams(ctx, declare, values, nil, nil, nil).Read().Err
}

// begin begins a slice's transaction, and compares the query's columns with what the stream needs of them. It gives the
// query's parameters, in their order.
func (db *database) begin(ctx context.Context, conn *pgconn.PgConn, s *Stream) (parameters []string, err error) {
	if err := conn.Exec(ctx, "begin transaction isolation level repeatable read read only").Close(); err != nil {
		return nil, err
	}
	zone := time.UTC
	if s.Slicing != nil {
		zone = s.Slicing.Zone
	}
	settings := db.session(zone)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		arguments := [][]byte{[]byte(name), []byte(settings[name])}
		if err := conn.ExecParams(ctx, "select pg_catalog.set_config($1, $2, true)", arguments, nil, nil, nil).Read().Err; err != nil {
			return nil, err
		}
	}
	sql, parameters := s.query.statement()
	described, err := conn.Prepare(ctx, "", sql, nil)
	if err != nil {
		return nil, db.misread(s, err)
	}
	return parameters, db.fits(s, described)
}

// misread adds the line of the query that the server speaks of.
func (db *database) misread(s *Stream, err error) error {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Position == 0 {
		return err
	}
	out := &Error{cause: err, Kind: Refused}
	db.judge(out, refused)
	sql, _ := s.query.statement()
	before := []rune(sql)[:min(int(refused.Position)-1, len([]rune(sql)))]
	out.Message = fmt.Sprintf("query of %s (%s:%d), line %d: %s", s.Name, s.Source.File, s.Line, 1+strings.Count(string(before), "\n"), out.Message)
	return out
}

// fits refuses a query that lacks a column which every record needs, or names one twice: of two, JSON would keep the last.
func (db *database) fits(s *Stream, described *pgconn.StatementDescription) error {
	var names []string
	for _, f := range described.Fields {
		if slices.Contains(names, f.Name) {
			return &Error{
				Kind: Settings, Message: fmt.Sprintf("the query of %s has two columns named %s", s.Name, f.Name),
				Hint: "give one of them another name with as",
			}
		}
		names = append(names, f.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(s.query.needs)) {
		if !slices.Contains(names, name) {
			return &Error{
				Kind: Settings, Message: fmt.Sprintf("the query of %s has no column %s, which %s names", s.Name, name, s.query.needs[name]),
				Hint: strict.Suggest(name, names, "it has "),
			}
		}
	}
	return nil
}

// fetch takes the next rows; there may be more when as many came as were asked for.
func (db *database) fetch(ctx context.Context, conn *pgconn.PgConn, take func(row []byte) error) (more bool, err error) {
	patience := newPatience(ctx, db.source.limits.timeout)
	rows := conn.ExecParams(patience.ctx, fmt.Sprintf("fetch forward %d from terrace_rows", fetchRows), nil, nil, nil, nil)
	n := 0
	for rows.NextRow() {
		n++
		patience.rest()
		if err = take(rows.Values()[0]); err != nil {
			break
		}
		patience.resume()
	}
	_, closing := rows.Close()
	err = patience.stop(cmp.Or(err, closing))
	return n == fetchRows && err == nil, err
}
