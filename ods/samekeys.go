package ods

import "hash/maphash"

// sampled is of how many records of a page the keys are looked at: enough to tell pages apart, and next to no work.
const sampled = 16

// KeyRun is what tells a page of records from another by keys alone, in their order: it is the same of a page that a source
// gives again with something else in each record, such as the time of the answer. The zero KeyRun is that of a page which
// says nothing: one with fewer than two keys, or with a record that cannot be landed.
type KeyRun struct {
	records int
	sum     uint64
}

// KeyRuns reads KeyRuns. It is used by one goroutine.
type KeyRuns struct {
	reader   *recordReader
	identity []byte // of the record at hand
}

// NewKeyRuns makes one, nil for a stream whose records have no key of their own. An error is a fault of the declaration.
func NewKeyRuns(stream Stream) (*KeyRuns, error) {
	own := false
	for _, column := range stream.Key {
		own = own || column.Path != ""
	}
	if !own {
		return nil, nil
	}
	reader, err := newRecordReader(stream)
	if err != nil {
		return nil, wrap(err, "read keys of %s", stream.Name)
	}
	return &KeyRuns{reader: reader}, nil
}

// Key gives a number that is the same for records of one key, and hardly ever for others; false for a record that cannot be
// landed.
func (k *KeyRuns) Key(record Record) (uint64, bool) {
	k.reader.scanner.text = k.reader.scanner.text[:0] // nobody asks for it
	r, refused := k.reader.read(record)
	if refused != nil {
		return 0, false
	}
	k.identity = r.appendIdentity(k.identity[:0])
	return maphash.Bytes(seed, k.identity), true
}

// Of gives that of a page. Versions count as part of keys: a list of versions may have the same keys on every page.
func (k *KeyRuns) Of(records [][]byte, given []string) KeyRun {
	if k == nil || len(records) < 2 {
		return KeyRun{}
	}
	var run []byte
	distinct := map[string]bool{}
	looked := min(len(records), sampled)
	for i := range looked {
		k.reader.scanner.text = k.reader.scanner.text[:0] // nobody asks for it
		r, refused := k.reader.read(Record{Raw: records[i*(len(records)-1)/(looked-1)], Given: given})
		if refused != nil {
			return KeyRun{}
		}
		key := string(r.appendIdentity(nil))
		distinct[key] = true
		run = append(run, key...)
		if k.reader.version >= 0 {
			if text := k.reader.scanner.found[k.reader.version].text(); text != nil {
				run = append(append(run, *text...), 0)
			}
		}
	}
	if len(distinct) < 2 {
		return KeyRun{}
	}
	return KeyRun{records: len(records), sum: maphash.Bytes(seed, run)}
}
