package site

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestForms_knowTheirOwnKeysForHalfADay(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f := newForms("a token")
	key := f.key(now)
	require.NotEqual(t, key, f.key(now), "one is for one page")
	require.True(t, f.made(key, now.Add(formsHold-time.Second)))
	require.False(t, f.made(key, now.Add(formsHold)))
	require.True(t, newForms("a token").made(key, now), "a process that was started anew knows it")
	require.False(t, newForms("another").made(key, now))
	require.False(t, newForms("").made(newForms("").key(now), now), "without a token it is of one process")
	stamp, rest, _ := strings.Cut(key, ".")
	for _, wrong := range []string{"", ".", "a.b.c", key + "0", key[:len(key)-1], stamp + "0." + rest, rest} {
		require.False(t, f.made(wrong, now), wrong)
	}
}

// Each button of a page is a wish of its own, and the same pressed twice is one.
func TestKeyOf_tellsWishesApart(t *testing.T) {
	t.Parallel()
	wish := Wish{Do: DeedRun, Node: "shop.a", By: "page, 127.0.0.1"}
	require.Equal(t, keyOf(wish, "form"), keyOf(wish, "form"))
	seen := map[string]bool{keyOf(wish, "form"): true, keyOf(wish, "another"): true}
	for _, change := range []func(*Wish){
		func(w *Wish) { w.Node = "shop.b" }, func(w *Wish) { w.Downstream = true }, func(w *Wish) { w.Force = true }, func(w *Wish) { w.Do = DeedStart },
	} {
		other := wish
		change(&other)
		require.False(t, seen[keyOf(other, "form")])
		seen[keyOf(other, "form")] = true
	}
	require.Len(t, seen, 6)
}

func TestBelow_countsWhatDependsOnANode(t *testing.T) {
	t.Parallel()
	x := newIndex(&Project{Nodes: []Node{
		{Name: "a", ReadBy: []string{"b", "c", "an.assertion"}}, {Name: "b", ReadBy: []string{"d"}}, {Name: "c", ReadBy: []string{"d"}}, {Name: "d"},
	}})
	require.Equal(t, 3, x.below("a"))
	require.Equal(t, 0, x.below("d"))
}
