package ods

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Land lands a page: Prepare, unless the page has been prepared, and LandPrepared in one.
func (s *Store) Land(ctx context.Context, page Page) (Landed, error) {
	if page.prepared != nil {
		p := *page.prepared
		p.page.Turn = page.Turn
		return s.LandPrepared(ctx, &p)
	}
	prepared, err := Prepare(page)
	if err != nil {
		return Landed{}, err
	}
	return s.LandPrepared(ctx, prepared)
}

// LandPrepared writes a page in one transaction: records, versions, rejects, batch, slice, and with the last page the
// cursor. A page of the slice that has been committed before is not landed again; what it did then is returned, so that
// a page may be tried again when its commit's outcome is not known. Conflicts with other writers and lost connections
// are retried here. Records that only the server finds fault with become rejects and do not hinder the others.
func (s *Store) LandPrepared(ctx context.Context, p *Prepared) (Landed, error) {
	rel, err := newRelation(p.page.Stream)
	if err != nil {
		return Landed{}, fmt.Errorf("land %s: %w", p.page.Stream.Name, err)
	}
	landed, err := s.landUntilDone(ctx, rel, p)
	if err != nil {
		return Landed{}, fmt.Errorf("land %s, page %d: %w", p.page.Stream.Name, p.page.Number, err)
	}
	s.notify(ctx, p.page.Stream.Name, landed.Inserted+landed.Updated)
	return landed, nil
}

func (s *Store) landUntilDone(ctx context.Context, rel *relation, p *Prepared) (Landed, error) {
	if p.page.Turn != nil {
		if landed, ok := s.landAhead(ctx, rel, p); ok {
			return landed, nil
		}
		if err := p.await(ctx); err != nil {
			return Landed{}, err
		}
	}
	for tries := 0; ; tries++ {
		if err := p.refused(); err != nil {
			return Landed{}, err
		}
		landed, err := s.landOnce(ctx, rel, p, nil)
		switch {
		case err == nil:
			return landed, nil
		case isFaultOfData(err) && tries < maxTries:
			clean, err := s.withoutPoison(ctx, rel, p, err)
			if err == nil {
				p = clean
			} else if !isTransient(err) {
				return Landed{}, err
			}
		case errors.Is(err, errUnheld) && tries < maxTries:
			if err := s.keepLock(ctx, p.page.Stream.Name); err != nil && !isTransient(err) {
				return Landed{}, err
			}
		case isTransient(err) && tries < maxTries:
			if err := pause(ctx, tries); err != nil {
				return Landed{}, err
			}
		default:
			return Landed{}, err
		}
	}
}

// refused is the error of a page with rejects in a stream that allows none.
func (p *Prepared) refused() error {
	if !p.page.Stream.FailOnReject || len(p.rejects) == 0 {
		return nil
	}
	return &RejectedError{Stream: p.page.Stream.Name, Count: len(p.rejects), First: p.rejects[0]}
}

// landOnce lands a page in one transaction. Where turn is not nil, others are before it, and it is committed only when turn
// is closed.
func (s *Store) landOnce(ctx context.Context, rel *relation, p *Prepared, turn <-chan struct{}) (landed Landed, err error) {
	err = s.inTransaction(ctx, func(tx pgx.Tx) (end, error) {
		earlier, err := committedEarlier(ctx, tx, p.page, turn != nil)
		if err != nil || earlier != nil {
			if earlier != nil {
				landed = *earlier
			}
			return abandon, err
		}
		if landed, err = (&writer{tx: tx, rel: rel, p: p}).write(ctx); err != nil {
			return abandon, err
		}
		if err := comes(ctx, turn); err != nil {
			return abandon, err
		}
		// Rejects may be those of the pages before, which keep them locked until they end.
		if err := insertRejects(ctx, tx, p.page, landed.BatchID, p.rejects); err != nil {
			return abandon, fmt.Errorf("write terrace.reject: %w", err)
		}
		return keep, s.finishPage(ctx, tx, p.page, p.received())
	})
	return landed, err
}

func (p *Prepared) received() int {
	return len(p.rows) + len(p.rejects)
}

// end is how a transaction ends.
type end bool

const (
	keep    end = true
	abandon end = false
)

// rollbackTime bounds the way back when the caller's context has ended.
const rollbackTime = 5 * time.Second

func (s *Store) inTransaction(ctx context.Context, do func(pgx.Tx) (end, error)) (err error) {
	// Read committed, whatever the session's default: what is read after the wait for a lock is what the other left.
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return err
	}
	defer func() { // also when do panics: a pool whose connections are not given back is never closed
		back, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTime)
		defer cancel()
		if rollbackErr := tx.Rollback(back); err == nil && !errors.Is(rollbackErr, pgx.ErrTxClosed) {
			err = rollbackErr
		}
	}()
	how, err := do(tx)
	if err == nil && how == keep {
		return tx.Commit(ctx)
	}
	return err
}

// writer writes one page's records within a transaction.
type writer struct {
	tx   pgx.Tx
	rel  *relation
	p    *Prepared
	held []held // by group
	landing
}

func (w *writer) write(ctx context.Context) (Landed, error) {
	if err := w.lookUp(ctx); err != nil {
		return Landed{}, fmt.Errorf("look up keys: %w", err)
	}
	return w.decided(ctx)
}

// decided writes what follows from the rows that were looked up.
func (w *writer) decided(ctx context.Context) (Landed, error) {
	if err := w.classify(ctx); err != nil {
		return Landed{}, fmt.Errorf("look up versions: %w", err)
	}
	landed, err := w.insertBatch(ctx)
	if err != nil {
		return Landed{}, fmt.Errorf("write terrace.batch: %w", err)
	}
	if err := w.move(ctx); err != nil {
		return Landed{}, fmt.Errorf("move to %s: %w", w.rel.history().Sanitize(), err)
	}
	if err := w.copyPast(ctx, landed.BatchID); err != nil {
		return Landed{}, fmt.Errorf("copy to %s: %w", w.rel.history().Sanitize(), err)
	}
	if err := w.copyCurrent(ctx, landed.BatchID); err != nil {
		return Landed{}, fmt.Errorf("copy to %s: %w", w.rel.current().Sanitize(), err)
	}
	return landed, nil
}

// lookUp reads the current rows of the page's keys.
func (w *writer) lookUp(ctx context.Context) error {
	w.held = make([]held, len(w.p.groups))
	if len(w.p.groups) == 0 {
		return nil
	}
	args := w.keysOf(w.p.groups)
	if w.rel.stream.Version != "" {
		path, err := parsePath(w.rel.stream.Version)
		if err != nil {
			return err
		}
		args = append(args, path)
	} else {
		args = append(args, w.p.page.Fetched, w.p.page.RunID)
	}
	rows, err := w.tx.Query(ctx, w.rel.lookupSQL(), planned(args)...)
	if err != nil {
		return err
	}
	var (
		group   int
		current held
		sum     []byte
		version *string
	)
	_, err = pgx.ForEachRow(rows, []any{&group, &sum, &current.version, &current.deleted, &current.firstSeen, &version, &current.overtaking}, func() error {
		current.exists, current.hash, current.order = true, hash(sum), parseOrder(version)
		w.held[group] = current
		return nil
	})
	return err
}

// planned makes a statement's arguments ask for a plan of their own: a plan kept from when the table was empty would
// read the whole of it for each page.
func planned(args []any) []any {
	return append([]any{pgx.QueryExecModeCacheDescribe}, args...)
}

// keysOf is the keys of groups as one array per column of the identity.
func (w *writer) keysOf(groups []group) []any {
	if len(w.rel.key) == 0 {
		hashes := make([][]byte, len(groups))
		for i, g := range groups {
			hashes[i] = w.p.rows[g.first].hash[:]
		}
		return []any{hashes}
	}
	var arrays []any
	for c := range w.rel.key {
		texts := make([]string, len(groups))
		for i, g := range groups {
			texts[i] = w.p.rows[g.first].key[c].text
		}
		arrays = append(arrays, texts)
	}
	return arrays
}

// classify decides for each record whether it is new, changed, late or known.
func (w *writer) classify(ctx context.Context) error {
	outcomes := make([]outcome, len(w.p.groups))
	var doubtful []int
	for i, g := range w.p.groups {
		outcomes[i] = settle(w.rel.stream, w.p.rows, g.members(), w.held[i])
		doubtful = append(doubtful, outcomes[i].past()...)
	}
	known, err := w.known(ctx, doubtful)
	if err != nil {
		return err
	}
	for i, o := range outcomes {
		if len(o.replaced)+len(o.late) > 0 {
			o = o.withoutRepeats(w.p.rows, w.held[i], func(row int) bool { return known[row] })
		}
		w.add(i, 1+len(w.p.groups[i].more), o, w.held[i])
	}
	slices.Sort(w.past)
	return nil
}

// known finds which of the rows the history has already.
func (w *writer) known(ctx context.Context, doubtful []int) (map[int]bool, error) {
	known := make(map[int]bool, len(doubtful))
	if len(doubtful) == 0 {
		return known, nil
	}
	groups := make([]group, len(doubtful))
	hashes := make([][]byte, len(doubtful))
	for i, r := range doubtful {
		groups[i] = group{first: r}
		hashes[i] = w.p.rows[r].hash[:]
	}
	rows, err := w.tx.Query(ctx, w.rel.knownSQL(), planned(append(w.keysOf(groups), hashes))...)
	if err != nil {
		return nil, err
	}
	var i int
	_, err = pgx.ForEachRow(rows, []any{&i}, func() error {
		known[doubtful[i]] = true
		return nil
	})
	return known, err
}

// move takes the rows that are replaced into the history.
func (w *writer) move(ctx context.Context) error {
	if len(w.moved) == 0 {
		return nil
	}
	groups := make([]group, len(w.moved))
	versions := make([]int64, len(w.moved))
	for i, g := range w.moved {
		groups[i] = w.p.groups[g]
		versions[i] = w.held[g].version
	}
	args := append(w.keysOf(groups), versions, w.p.page.Fetched)
	var moved int
	if err := w.tx.QueryRow(ctx, w.rel.moveSQL(), planned(args)...).Scan(&moved); err != nil {
		return err
	}
	if moved != len(w.moved) {
		return errOvertaken
	}
	return nil
}
