//go:build !purego

#include "textflag.h"
#include "lookup.h"

DATA lowHalves<>+0(SB)/4, $(FOUR*0x0F)
GLOBL lowHalves<>(SB), RODATA|NOPTR, $4
DATA thirdBias<>+0(SB)/4, $(FOUR*THIRD_BIAS)
GLOBL thirdBias<>(SB), RODATA|NOPTR, $4
DATA fourthBias<>+0(SB)/4, $(FOUR*FOURTH_BIAS)
GLOBL fourthBias<>(SB), RODATA|NOPTR, $4
DATA topBits<>+0(SB)/4, $(FOUR*TWO_CONTS)
GLOBL topBits<>(SB), RODATA|NOPTR, $4

#define base    SI
#define len     CX
#define i       AX // the offset of the next block; all before it are checked
#define last    R8 // the offset of the last block
#define look    DX // the offset at which to look for ASCII again

#define FIRSTHIGH  Y15
#define FIRSTLOW   Y14
#define SECONDHIGH Y13
#define LOWHALVES  Y12
#define THIRDBIAS  Y11
#define FOURTHBIAS Y10
#define TOPBITS    Y9

// CHECK sets Y4 to the errors of the block Y0: an octet of Y4 is not zero where
// Y0 has an error. Y1, Y2 and Y3 are what Y0 is, but from one, two and three
// octets before on.
//
// The first part looks up the first neighbour, Y1, and the second one, Y0. There
// is no shift of octets: the bits that come in from the octet beside are cut off.
//
// The second part: Y0 has to be a third octet where Y2 is E0 or more, and a
// fourth one where Y3 is F0 or more. Less the bias, just these have the top bit
// (the subtraction stops at zero). The top bit of the tables, TWO_CONTS, says
// where Y0 can be a third or fourth octet. XOR leaves it where one of the two is
// there without the other.
#define CHECK \
	VPSRLW   $4, Y1, Y4            \
	VPAND    LOWHALVES, Y4, Y4     \
	VPSHUFB  Y4, FIRSTHIGH, Y4     \
	VPAND    LOWHALVES, Y1, Y5     \
	VPSHUFB  Y5, FIRSTLOW, Y5      \
	VPSRLW   $4, Y0, Y6            \
	VPAND    LOWHALVES, Y6, Y6     \
	VPSHUFB  Y6, SECONDHIGH, Y6    \
	VPAND    Y5, Y4, Y4            \
	VPAND    Y6, Y4, Y4            \ // Y4: the errors of the tables
	VPSUBUSB THIRDBIAS, Y2, Y2     \
	VPSUBUSB FOURTHBIAS, Y3, Y3    \
	VPOR     Y3, Y2, Y2            \
	VPAND    TOPBITS, Y2, Y2       \ // Y2: where TWO_CONTS has to be
	VPXOR    Y2, Y4, Y4

// LOOK looks at 128 octets: zero means that all are ASCII.
#define LOOK(at) \
	VMOVDQU   0(base)(at*1), Y0      \
	VMOVDQU   64(base)(at*1), Y1     \
	VPOR      32(base)(at*1), Y0, Y0 \
	VPOR      96(base)(at*1), Y1, Y1 \
	VPOR      Y1, Y0, Y0             \
	VPMOVMSKB Y0, BX                 \
	TESTL     BX, BX

// func bulk(p []byte) (n int)
TEXT ·bulk(SB), NOSPLIT, $0-32
	MOVQ p_base+0(FP), base
	MOVQ p_len+8(FP), len
	XORL i, i
	CMPQ len, $128
	JLT  short

ascii:
	// No sequence is open at i, and 128 octets are left.
	LOOK(i)
	JNZ  blocks
	ADDQ $128, i
next:
	LEAQ 128(i), DX
	CMPQ DX, len
	JLE  ascii
	// The last 128 octets, of which some are known.
	LEAQ -128(len), DX
	LOOK(DX)
	JNZ  blocks
	MOVQ len, i
	JMP  done

short:
	// Less than 128 octets: two or four blocks, which may overlap.
	VMOVDQU   (base), Y0
	VPOR      -32(base)(len*1), Y0, Y0
	CMPQ      len, $64
	JLE       shorter
	VPOR      32(base), Y0, Y0
	VPOR      -64(base)(len*1), Y0, Y0
shorter:
	VPMOVMSKB Y0, BX
	TESTL     BX, BX
	JNZ       blocks
	MOVQ      len, i
	JMP       done

blocks:
	// No sequence is open at i, which is less than len.
	VBROADCASTI128 firstHigh<>(SB), FIRSTHIGH
	VBROADCASTI128 firstLow<>(SB), FIRSTLOW
	VBROADCASTI128 secondHigh<>(SB), SECONDHIGH
	VPBROADCASTD   lowHalves<>(SB), LOWHALVES
	VPBROADCASTD   thirdBias<>(SB), THIRDBIAS
	VPBROADCASTD   fourthBias<>(SB), FOURTHBIAS
	VPBROADCASTD   topBits<>(SB), TOPBITS
	LEAQ           -32(len), last
	LEAQ           128(i), look
	TESTQ          i, i
	JNZ            block
	// Before the first block there are no octets: zeros come in.
	VMOVDQU    (base), Y0
	VPERM2I128 $0x08, Y0, Y0, Y4 // zeros and the low half of Y0
	VPALIGNR   $15, Y4, Y0, Y1
	VPALIGNR   $14, Y4, Y0, Y2
	VPALIGNR   $13, Y4, Y0, Y3
	JMP        check
block:
	CMPQ    i, last
	CMOVQGT last, i // of the last block some octets may be known
	VMOVDQU 0(base)(i*1), Y0
	VMOVDQU -1(base)(i*1), Y1
	VMOVDQU -2(base)(i*1), Y2
	VMOVDQU -3(base)(i*1), Y3
check:
	CHECK
	VPTEST  Y4, Y4
	JNZ     done
	ADDQ    $32, i
	CMPQ    i, len
	JGE     done
	CMPQ    i, look
	JLT     block
	// If the last octet is ASCII, then no sequence is open. If those that follow
	// are not, then one octet is checked twice.
	SUBQ $1, i
	LEAQ 128(i), look
	CMPQ look, len
	JGT  block
	LOOK(i)
	JNZ  block
	ADDQ $128, i
	JMP  next

done:
	VZEROUPPER
	MOVQ i, n+24(FP)
	RET
