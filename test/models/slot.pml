/* One slot of the claims table as src/auth/cache writes it: the odd sequence names its owner, BASE
   keeps the number to go on from, the generation stored is the one captured before the database is
   read, and a writer may die anywhere; main then frees what it held by one compare-exchange.
   Must hold as it is. Must fail:
   -DLATE       the generation is read after the database: a stale value is believed
   -DNORECHECK  the reader does not look at the sequence again: torn
   -DBLINDFREE  main frees a dead writer's slot as live: torn
   -DSTEAL      a slot is freed while its owner lives: torn, or lost
   -DNOFREE     nobody frees: the slot is lost */
#ifndef WRITERS
#define WRITERS 3
#endif
#define LIVE(s)  (((s) & 3) == 2)
#define TAKEN(s) (((s) & 1) == 1)
#define TAG(i)   (129 + 2 * (i))
#define NEXT(s)  (((s) & 252) + 4)

byte seq = 0, base = 0;
byte a = 0, b = 0, stored = 0;   /* two words of the payload; the captured generation */
byte g = 0, db = 1;              /* generation; the record: 1 valid, 0 revoked */
bool done = false;               /* the revocation has returned to its caller */
bool dead[WRITERS], ended[WRITERS];

inline MAYDIE(i) { if :: skip :: dead[i] = true; goto gone fi }

proctype Writer(byte i) {
  byte e, s; bool got = false;
#ifdef LATE
  if :: db == 1 -> e = g :: else -> goto gone fi;
#else
  e = g;
  if :: db == 1 -> skip :: else -> goto gone fi;
#endif
  s = seq;
  if :: TAKEN(s) -> goto gone :: else -> skip fi;
  atomic { if :: seq == s -> seq = TAG(i); got = true :: else -> skip fi };
  if :: !got -> goto gone :: else -> skip fi;
  MAYDIE(i);
  a = i + 1;
  MAYDIE(i);
  b = i + 1;
  stored = e;
  MAYDIE(i);
  base = NEXT(s);
  MAYDIE(i);
  seq = NEXT(s) + 2;
gone:
  ended[i] = true
}

proctype Revoker() { db = 0; g++; done = true }

proctype Main() {
  byte i, n;
  for (i : 0 .. WRITERS - 1) {
#ifdef STEAL
    true;
#else
    ended[i];
#endif
#ifndef NOFREE
    if
    :: seq == TAG(i) ->
      n = NEXT(base);
#ifdef BLINDFREE
      n = n + 2;
#endif
      atomic { if :: seq == TAG(i) -> seq = n :: else -> skip fi }
    :: else -> skip
    fi
#endif
  }
}

proctype Reader() {
  byte s1, s2, x, y, c; bool after;
  after = done;
  s1 = seq;
  if
  :: LIVE(s1) ->
    x = a; y = b; c = stored;
    s2 = seq;
#ifdef NORECHECK
    s2 = s1;
#endif
    if
    :: s1 == s2 ->
      assert(x == y);
      if :: c == g -> assert(!after) :: else -> skip fi
    :: else -> skip
    fi
  :: else -> skip
  fi
}

init {
  byte i;
  atomic {
    for (i : 0 .. WRITERS - 1) { run Writer(i) }
    run Revoker(); run Main(); run Reader()
  };
  /* Everybody is gone: no slot is lost to a dead thread. */
  (_nr_pr == 1) -> assert(!TAKEN(seq))
}
