package extract_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

const contactsYAML = `
source: crm
base_url: ${URL}
streams:
  contacts:
    primary_key: [{path: $.id, type: bigint}]
    request: {path: /contacts}
    records: $.data[*]
    deletes: {sweep: {path: /contacts/ids, records: "$.ids[*]", key: $%s}}
  contact_detail:
    parent: {stream: contacts, keys: {id: id}, only: changed}
    primary_key: [{path: $.id, type: bigint}]
    request: {path: "/contacts/${parent.id}"}
    records: $
    on: [{when: "status == 404", do: skip}]
`

var tooLong = sync.OnceValue(func() string { return strings.Repeat("x", ods.MaxRecord+1) })

// people is a stand-in whose records can be deleted.
type people struct {
	*api
	mu   sync.Mutex
	ids  []int
	ids2 string // what the listing answers instead
	gone int    // its detail is not there any more
	long int    // its detail is longer than what can be landed
}

func newPeople(t *testing.T, ids ...int) *people {
	p := &people{ids: ids}
	p.api = serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch r.URL.Path {
		case "/contacts":
			var rows []string
			for _, id := range p.ids {
				rows = append(rows, fmt.Sprintf(`{"id":%d,"name":"n%d"}`, id, id))
			}
			fmt.Fprintf(w, `{"data":[%s]}`, strings.Join(rows, ","))
		case "/contacts/ids":
			if p.ids2 != "" {
				fmt.Fprint(w, p.ids2)
				return
			}
			fmt.Fprintf(w, `{"ids":%s}`, strings.ReplaceAll(fmt.Sprint(p.ids), " ", ","))
		default:
			var id int
			_, _ = fmt.Sscanf(r.URL.Path, "/contacts/%d", &id)
			if !slices.Contains(p.ids, id) || id == p.gone {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			mail := fmt.Sprintf("m%d", id)
			if id == p.long {
				mail = tooLong()
			}
			fmt.Fprintf(w, `{"id":%d,"mail":"%s"}`, id, mail)
		}
	})
	return p
}

func (c *copyOf) live(stream string) []string {
	return column(c.T, c.db, fmt.Sprintf(`select id::text from crm_ods.%s where _deleted_at is null order by id`, stream))
}

// Cases 14 and 64: a record that is gone between the list and its detail fails nothing; the sweep of the next reading marks
// it; a record that comes back is a record again, with a version more.
func TestRead_sweepsWhatTheSourceHasNoMore(t *testing.T) {
	t.Parallel()
	p := newPeople(t, 1, 2, 3)
	p.gone = 2
	s := load(t, fmt.Sprintf(contactsYAML, ""), map[string]string{"URL": p.URL})
	c := newCopy(t, nil)
	require.NoError(t, c.read(s))
	require.Equal(t, []string{"1", "2", "3"}, c.live("contacts"))
	require.Equal(t, []string{"1", "3"}, c.live("contact_detail"))

	p.ids = []int{1, 3}
	result, err := extract.NewReader(c.deps).Read(t.Context(), s.Streams[0], extract.Job{RunID: uuid.New()})
	require.NoError(t, err)
	require.EqualValues(t, 1, result.Deleted)
	require.Equal(t, []string{"1", "3"}, c.live("contacts"))
	require.NoError(t, c.read(s, "contact_detail"))

	p.ids, p.gone = []int{1, 2, 3}, 0
	require.NoError(t, c.read(s))
	require.Equal(t, []string{"1", "2", "3"}, c.live("contacts"))
	require.Equal(t, []string{"1", "2", "3"}, c.live("contact_detail"), "its detail is fetched when it is back")
	require.Equal(t, []string{"- -", "2026 -", "- -"}, column(t, c.db, `
select coalesce(to_char(_deleted_at, 'YYYY'), '-') || ' ' || '-'
from crm_ods.contacts__versions where id = 2 order by _version`))
}

// A listing that proves nothing deletes nothing, and the run is not green.
func TestRead_deletesNothingWithoutAWholeListing(t *testing.T) {
	t.Parallel()
	for want, answer := range map[string]string{
		"no records at $.ids[*]":        `{"error":"busy"}`,
		"breaks off":                    `{"ids":[1,2`,
		"unexpected content":            `<html>`,
		"listed key 2 cannot be read":   `{"ids":[1,"x"]}`,
		"3 of 3 records":                `{"ids":[]}`,
		"2 of 3 records of crm_ods.con": `{"ids":[3]}`,
	} {
		p := newPeople(t, 1, 2, 3)
		s := load(t, fmt.Sprintf(contactsYAML, ""), map[string]string{"URL": p.URL})
		c := newCopy(t, nil)
		require.NoError(t, c.read(s, "contacts"))
		p.ids2 = answer
		err := c.read(s, "contacts")
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "deletes: ")
		require.Len(t, c.live("contacts"), 3, answer)
	}
}

// What is passed over since it is too long is there all the same: a listing with it is no proof of what is gone.
func TestRead_deletesNothingThatIsTooLongToBeRead(t *testing.T) {
	t.Parallel()
	ids := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	p := newPeople(t, ids...)
	listing := `{"ids":[{"id":1},{"id":2},{"id":3},{"id":4},{"id":5},{"id":6},{"id":7},{"id":8},{"id":9},{"id":10,"notes":"%s"}]}`
	p.ids2 = fmt.Sprintf(listing, "")
	s := load(t, fmt.Sprintf(contactsYAML, ".id"), map[string]string{"URL": p.URL})
	c := newCopy(t, nil)
	require.NoError(t, c.read(s, "contacts"))
	p.ids2 = fmt.Sprintf(listing, tooLong())
	require.ErrorContains(t, c.read(s, "contacts"), "deletes: a record of the listing cannot be read")
	require.Len(t, c.live("contacts"), len(ids))
}

func TestRead_keepsOfADetailThatIsTooLongWhatItIs(t *testing.T) {
	t.Parallel()
	p := newPeople(t, 1, 2, 3)
	p.long = 2
	s := load(t, fmt.Sprintf(contactsYAML, ""), map[string]string{"URL": p.URL})
	c := newCopy(t, nil)
	require.NoError(t, c.read(s))
	require.Equal(t, []string{"1", "3"}, c.live("contact_detail"))
	require.Equal(t, []string{"too_long"}, column(t, c.db, `select reason from terrace.reject where node = 'crm_ods.contact_detail'`))
}

func TestRead_deletesMuchOnlyWhenTold(t *testing.T) {
	t.Parallel()
	p := newPeople(t, 1, 2, 3, 4)
	env := map[string]string{"URL": p.URL}
	s := load(t, fmt.Sprintf(contactsYAML, ", max_share: 0.1"), env)
	c := newCopy(t, nil)
	require.NoError(t, c.read(s, "contacts"))
	p.ids = []int{1, 2, 3}
	var mass *ods.MassDeleteError
	require.ErrorAs(t, c.read(s, "contacts"), &mass)
	require.InEpsilon(t, 0.1, mass.MaxShare, 1e-9)

	window := extract.Window{From: noon.AddDate(0, 0, -1)}
	_, err := extract.NewReader(c.deps).Read(t.Context(), s.Streams[0], extract.Job{RunID: uuid.New(), Window: window})
	require.NoError(t, err, "a reading of a window lists no keys")
	require.Len(t, c.live("contacts"), 4)

	result, err := extract.NewReader(c.deps).Read(t.Context(), s.Streams[0], extract.Job{RunID: uuid.New(), AllowMassDelete: true})
	require.NoError(t, err)
	require.EqualValues(t, 1, result.Deleted)
}

// While the pages of a listing are read, a record of the first page is deleted: the first record of the second page moves
// to the first, where nobody looks any more. It must not be taken for deleted.
func TestRead_listsTwiceWhatShifts(t *testing.T) {
	t.Parallel()
	ids := span(1, 31)
	listings := 0
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		page, size := 0, 10
		_, _ = fmt.Sscan(r.URL.Query().Get("page"), &page)
		if r.URL.Path == "/contacts" {
			size = 1000
		} else if page == 1 {
			listings++
		}
		part := ids[min((page-1)*size, len(ids)):min(page*size, len(ids))]
		if r.URL.Path == "/contacts" {
			var rows []string
			for _, id := range part {
				rows = append(rows, fmt.Sprintf(`{"id":%d}`, id))
			}
			fmt.Fprintf(w, `{"data":[%s]}`, strings.Join(rows, ","))
			return
		}
		fmt.Fprintf(w, `{"ids":%s}`, strings.ReplaceAll(fmt.Sprint(part), " ", ","))
		if listings == 1 && page == 1 {
			ids = ids[1:]
		}
	})
	env := map[string]string{"URL": a.URL}
	yaml := `
source: crm
base_url: ${URL}
streams:
  contacts:
    primary_key: [{path: $.id, type: bigint}]
    request: {path: /contacts, query: {page: "${page.number}"}}
    paginate: {type: page}
    records: $.data[*]
    deletes: {sweep: {path: /ids, query: {page: "${page.number}"}, paginate: {type: page, size: 10}, records: "$.ids[*]", key: [$]}}
`
	c := newCopy(t, env)
	require.NoError(t, c.read(load(t, yaml, env)))
	require.Equal(t, 2, listings)
	require.Len(t, c.live("contacts"), 30, "1 was listed once, and will be missed by the next sweep")
	require.NoError(t, c.read(load(t, yaml, env)))
	require.Len(t, c.live("contacts"), 29)
	require.NotContains(t, c.live("contacts"), "1")
}

// Keys without number are kept in a file, not in memory.
func TestRead_sweepsListingsOfManyKeys(t *testing.T) {
	t.Parallel()
	const n = 1_000_000
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/contacts" {
			fmt.Fprintf(w, `{"data":[{"id":0},{"id":%d},{"id":%d}]}`, n-1, n)
			return
		}
		fmt.Fprint(w, `{"ids":[0`)
		for i := 1; i < n; i++ {
			fmt.Fprintf(w, ",%d", i)
		}
		fmt.Fprint(w, `]}`)
	})
	if testing.Short() {
		t.Skip("lists a million keys")
	}
	env := map[string]string{"URL": a.URL}
	c := newCopy(t, env)
	require.NoError(t, c.read(load(t, fmt.Sprintf(contactsYAML, ""), env), "contacts"))
	require.Equal(t, []string{"0", fmt.Sprint(n - 1)}, c.live("contacts"))
}

func TestReplay_sweepsAsItWasRecorded(t *testing.T) {
	t.Parallel()
	p := newPeople(t, 1, 2, 3)
	env := map[string]string{"URL": p.URL}
	s := load(t, fmt.Sprintf(contactsYAML, ""), env)
	dir := t.TempDir()
	recorder, err := extract.NewRecorder(openRoot(t, dir))
	require.NoError(t, err)
	original := newCopy(t, env)
	original.deps.Recorder = recorder
	require.NoError(t, original.read(s, "contacts"))
	p.ids = []int{1, 2}
	require.NoError(t, original.read(s, "contacts"))
	require.NoError(t, recorder.Close())

	recording, err := extract.OpenRecording(openRoot(t, dir))
	require.NoError(t, err)
	replayed := newCopy(t, nil)
	replayed.deps.Recording, replayed.deps.Transport = recording, noNetwork{t}
	require.NoError(t, replayed.read(s, "contacts"))
	require.Len(t, replayed.live("contacts"), 3)
	require.NoError(t, replayed.read(s, "contacts"))
	require.Equal(t, []string{"1", "2"}, replayed.live("contacts"))
	require.Equal(t, original.content("contacts"), replayed.content("contacts"))
}

func TestLoad_tellsWhatIsWrongWithDeletes(t *testing.T) {
	t.Parallel()
	_, problems := loadText(`
source: crm
base_url: http://h
streams:
  a: {request: {path: /}, records: $, deletes: {sweep: {path: /ids, records: "$[*]", key: $}}}
  b:
    primary_key: [$.id, $.n]
    request: {path: /}
    records: $
    deletes: {sweep: {path: /ids, records: "$[*]", key: [$.id], max_share: 2}}
  c:
    primary_key: [$.id]
    request: {path: /}
    records: $
    deletes: {sweep: {path: "/${slice.start}", records: "$[*]", key: [$.id, "$.list[*]"]}}
  d: {primary_key: [$.id], request: {path: /}, records: $, deletes: {}}
`)
	require.Equal(t, []string{
		"5: what has no key cannot be listed by it",
		"10: the listing lacks the key's column n",
		"10: max_share is a share from 0 to 1, not 2",
		"15: ${slice.start} means nothing in crm_ods.c (deletes)",
		"15: key $.list[*] is not made of names below the listed record",
		"15: the listing has more paths than the key has columns",
		`16: "sweep" is missing`,
	}, problems)
	_, problems = loadText("source: x\ntype: files\nstreams: {a: {files: {glob: x}, format: {type: ndjson}, deletes: {sweep: {path: /, records: $, key: $}}}}\n")
	require.Equal(t, []string{"3: deletes does not belong to a source of type files"}, problems)
}
