package ods

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// maxPaths bounds how many paths a profile lists: objects whose names are data have no end of them.
const maxPaths = 2_000

// PathType is a place in the records of a stream and a type of value that stands there.
type PathType struct {
	Path  string // "$.items[*].price"
	Type  string // object, array, string, number, boolean, null
	Count int64  // values in the sample
	First time.Time
	Last  time.Time // when the first and the last version with it were seen
}

// Profile is what a sample of a stream's versions looks like.
type Profile struct {
	Versions int64 // in the sample
	// Begin and End are when the oldest and the newest version of the sample were seen.
	Begin, End time.Time
	Paths      []PathType // by path and type, at most 2,000
}

// Profile looks at the oldest and the newest versions of a stream, so many of each, and lists the places and types of
// their values.
func (s *Store) Profile(ctx context.Context, stream Stream, each int) (Profile, error) {
	var out Profile
	rel, err := newRelation(stream)
	if err != nil {
		return out, fmt.Errorf("profile %s: %w", stream.Name, err)
	}
	rows, err := s.pool.Query(ctx, rel.profileSQL(), each, maxPaths)
	if err != nil {
		return out, fmt.Errorf("profile %s: %w", stream.Name, err)
	}
	out.Paths, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (PathType, error) {
		var p PathType
		err := row.Scan(&p.Path, &p.Type, &p.Count, &p.First, &p.Last)
		return p, err
	})
	if err != nil {
		return out, fmt.Errorf("profile %s: %w", stream.Name, err)
	}
	for _, p := range out.Paths {
		if p.Path != "$" {
			continue
		}
		if out.Versions == 0 || p.First.Before(out.Begin) {
			out.Begin = p.First
		}
		if p.Last.After(out.End) {
			out.End = p.Last
		}
		out.Versions += p.Count
	}
	return out, nil
}

// profileSQL orders by batch, for which both tables have an index; the order within one does not matter.
func (r *relation) profileSQL() string {
	return fmt.Sprintf(`-- %[1]s: places and types in a sample of versions
with recursive sample as (
    (
        select v._version, v.payload, v._seen_at
        from %[2]s as v
        order by v._batch_id
        limit $1
    )
    union
    (
        select v._version, v.payload, v._seen_at
        from %[2]s as v
        order by v._batch_id desc
        limit $1
    )
), walk as (
    select
        '$' as path,
        s.payload as value,
        s._seen_at as seen
    from sample as s
    union all
    select
        step.path,
        step.value,
        w.seen
    from walk as w
    cross join lateral (
        select w.path || '.' || e.key, e.value
        from jsonb_each(case when jsonb_typeof(w.value) = 'object' then w.value else '{}' end) as e (key, value)
        union all
        select w.path || '[*]', e.value
        from jsonb_array_elements(case when jsonb_typeof(w.value) = 'array' then w.value else '[]' end) as e (value)
    ) as step (path, value)
)
select
    w.path,
    jsonb_typeof(w.value),
    count(*),
    min(w.seen),
    max(w.seen)
from walk as w
group by 1, 2
order by w.path collate "C", 2
limit $2`, comment(r.stream.Name), r.versions().Sanitize())
}

// Arrival is when a version came, against the time that its record gives itself.
type Arrival struct {
	Version string    // at the path that was asked for, as text
	Before  time.Time // everything before had been read once when the reading that brought it began
}

// Arrivals tells of the newest versions that windows brought, so many, how they came. What was read for the first time,
// with nothing read before, tells nothing and is left out.
func (s *Store) Arrivals(ctx context.Context, stream Stream, path string, newest int) ([]Arrival, error) {
	rel, err := newRelation(stream)
	if err != nil {
		return nil, fmt.Errorf("read arrivals of %s: %w", stream.Name, err)
	}
	names, err := parsePath(path)
	if err != nil {
		return nil, fmt.Errorf("read arrivals of %s: %w", stream.Name, err)
	}
	rows, err := s.pool.Query(ctx, rel.arrivalsSQL(), newest, names)
	if err != nil {
		return nil, fmt.Errorf("read arrivals of %s: %w", stream.Name, err)
	}
	arrivals, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Arrival])
	return arrivals, wrap(err, "read arrivals of %s", stream.Name)
}

func (r *relation) arrivalsSQL() string {
	return fmt.Sprintf(`-- %[1]s: what had been read when versions came
with newest as (
    select v.payload #>> $2 as version, v._batch_id
    from %[2]s as v
    where v._deleted_at is null
    order by v._batch_id desc
    limit $1
), readings as (
    select
        b.batch_id,
        (
            select max(d.range_end)
            from terrace.slice as d
            where d.stream = s.stream
                and d.variant = s.variant
                and d.kind = 'window'
                and d.state = 'done'
                and not d.meta ? 'put_back'
                and d.ended_at < s.started_at
        ) as before
    from terrace.batch as b
    join terrace.slice as s
        on s.slice_id = b.slice_id
        and s.kind = 'window'
    where b.batch_id in (select n._batch_id from newest as n)
)
select
    n.version,
    r.before
from newest as n
join readings as r
    on r.batch_id = n._batch_id
where n.version is not null
    and r.before is not null`, comment(r.stream.Name), r.versions().Sanitize())
}
