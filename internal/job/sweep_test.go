package job

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSweepReport(t *testing.T) {
	var first, second, sum SweepReport
	first.Keys = 3
	first.Count(SweepReturns).Looked = 3
	first.Count(SweepReturns).Removed = 1
	first.Count(SweepReturns).Keep("load")
	first.Count(SweepReturns).Keep("young")
	second.Keys = 2
	second.Count(SweepReturns).Looked = 1
	second.Count(SweepReturns).Keep("load")
	second.Count(SweepIndex).Looked = 1
	second.Count(SweepIndex).Mended = 1
	sum.Add(first)
	sum.Add(second)
	want := SweepReport{Keys: 5, Of: map[SweepKind]*SweepCount{
		SweepReturns: {Looked: 4, Removed: 1, Kept: map[string]int64{"load": 2, "young": 1}},
		SweepIndex:   {Looked: 1, Mended: 1},
	}}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("sum (-want +got):\n%s", diff)
	}

	sum.Count(SweepIndex).Keep("load")
	if n := second.Of[SweepIndex].Kept["load"]; n != 0 {
		t.Error("a sum shares its counters with what it was made of")
	}
	sum.Of[SweepIndex].Kept = nil
	text, err := json.Marshal(sum)
	if err != nil {
		t.Fatal(err)
	}
	const wire = `{"keys":5,"of":{"index":{"looked":1,"removed":0,"mended":1},"returns":{"looked":4,"removed":1,"mended":0,"kept":{"load":2,"young":1}}}}`
	if string(text) != wire {
		t.Errorf("got  %s\nwant %s", text, wire)
	}
}
