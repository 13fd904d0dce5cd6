package ods

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed sql/old_readings.sql
var oldReadingsSQL string

// forgottenAtOnce is how many rows one statement deletes.
const forgottenAtOnce = 5000

// reading is a row of oldReadingsSQL; a window has a start and an end, other kinds have not.
type reading struct {
	ID              int64
	Stream, Variant string
	Start, End      *time.Time
}

// ForgetReadings deletes what is known of readings that ended longer ago than keep and that nobody needs: up to where
// streams were read, and which ranges, is the same afterwards. With dry it is only counted. Any number of processes may
// read and land meanwhile.
func ForgetReadings(ctx context.Context, conn *pgx.Conn, keep time.Duration, dry bool) (int64, error) {
	rows, err := conn.Query(ctx, oldReadingsSQL, keep)
	if err != nil {
		return 0, fmt.Errorf("find old readings: %w", err)
	}
	old, err := pgx.CollectRows(rows, pgx.RowToStructByPos[reading])
	if err != nil {
		return 0, fmt.Errorf("find old readings: %w", err)
	}
	needless := covered(old)
	if dry {
		return int64(len(needless)), nil
	}
	var gone int64
	for some := range slices.Chunk(needless, forgottenAtOnce) {
		done, err := conn.Exec(ctx, "delete from terrace.slice where slice_id = any($1::bigint[])", some)
		if err != nil {
			return gone, fmt.Errorf("delete old readings: %w", err)
		}
		gone += done.RowsAffected()
	}
	return gone, nil
}

// covered gives the readings without which the others read the same ranges: as few as possible stay. They come sorted by
// stream, variant and start, the longest of one start first.
func covered(all []reading) []int64 {
	var out []int64
	for len(all) > 0 {
		n := slices.IndexFunc(all, func(r reading) bool { return r.Stream != all[0].Stream || r.Variant != all[0].Variant })
		if n < 0 {
			n = len(all)
		}
		out = append(out, coveredWindows(all[:n])...)
		all = all[n:]
	}
	return out
}

// coveredWindows does so of one stream and variant. At each end the window goes on that begins before it and ends last.
func coveredWindows(all []reading) []int64 {
	var out []int64
	var end *time.Time
	longest := -1 // of those that begin before the end: the one that ends last
	for i, r := range all {
		if r.Start == nil {
			out = append(out, r.ID)
			continue
		}
		if longest >= 0 && r.Start.After(*end) {
			end, longest = all[longest].End, -1
		}
		switch {
		case end == nil || r.Start.After(*end):
			end = r.End // it begins a stretch
		case !r.End.After(*end):
			out = append(out, r.ID)
		case longest < 0:
			longest = i
		case r.End.After(*all[longest].End):
			out = append(out, all[longest].ID)
			longest = i
		default:
			out = append(out, r.ID)
		}
	}
	return out
}

// ForgetReplayed deletes the rejects that were replayed longer ago than keep. With dry they are only counted.
func ForgetReplayed(ctx context.Context, conn *pgx.Conn, keep time.Duration, dry bool) (int64, error) {
	const old = "from terrace.reject as r where r.replayed_at < clock_timestamp() - $1::interval"
	var gone int64
	if dry {
		err := conn.QueryRow(ctx, "select count(*) "+old, keep).Scan(&gone)
		return gone, wrap(err, "count replayed rejects")
	}
	for {
		done, err := conn.Exec(ctx, `delete from terrace.reject
where reject_id in (select r.reject_id `+old+" limit $2)", keep, forgottenAtOnce)
		if err != nil {
			return gone, fmt.Errorf("delete replayed rejects: %w", err)
		}
		gone += done.RowsAffected()
		if done.RowsAffected() < forgottenAtOnce {
			return gone, nil
		}
	}
}

// Arrivals are the tables of each stream, quoted, whose rows say with which batch they came; those that are gone are left
// out.
func Arrivals(ctx context.Context, conn *pgx.Conn) (map[string][]string, error) {
	rows, err := conn.Query(ctx, `select s.stream, format('%I.%I', n.nspname, c.relname)
from terrace.stream as s
join pg_namespace as n
    on n.nspname = split_part(s.stream, '.', 1)
join pg_class as c
    on c.relnamespace = n.oid
    and c.relname in (split_part(s.stream, '.', 2), split_part(s.stream, '.', 2) || '`+historySuffix+`')
    and c.relkind in ('r', 'p')
order by s.stream, c.relname`)
	if err != nil {
		return nil, fmt.Errorf("list the tables of streams: %w", err)
	}
	out := map[string][]string{}
	var stream, table string
	_, err = pgx.ForEachRow(rows, []any{&stream, &table}, func() error {
		out[stream] = append(out[stream], table)
		return nil
	})
	return out, wrap(err, "list the tables of streams")
}
