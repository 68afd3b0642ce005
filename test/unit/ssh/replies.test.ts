import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Replies } from '#gateway/protocols/ssh/replies.ts';
import { SallyportError } from '#lib/errors.ts';

const anAnswer = Buffer.of(99);

function codeOf(action: () => void): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error instanceof SallyportError ? error.code : String(error);
  }
}

describe('answers', () => {
  test('of the gateway go out at once where nothing is owed', () => {
    const sent: string[] = [];
    const replies = new Replies();

    replies.answer(() => sent.push('own'));

    expect(sent).toEqual(['own']);
  });

  test('that nobody asked for are not passed on', () => {
    const sent: string[] = [];

    expect(new Replies().arrived(anAnswer, () => sent.push('stray'))).toBe(false);
    expect(sent).toEqual([]);
  });

  test('that wait are few, whoever gives them', () => {
    const owed = new Replies(3);
    owed.expect();
    owed.expect();
    owed.answer(() => {});

    expect(codeOf(() => owed.expect())).toBe('tooMany');
    expect(codeOf(() => owed.answer(() => {}))).toBe('tooMany');
  });

  test('of the gateway are given when the other side answers nothing any more', () => {
    const sent: string[] = [];
    const replies = new Replies();
    replies.expect();
    replies.answer(() => sent.push('first'));
    replies.expect();
    replies.answer(() => sent.push('second'));

    replies.abandon();

    expect(sent).toEqual(['first', 'second']);
    expect(replies.idle).toBe(true);
  });

  test('come in the order of their requests, whoever gives them and whenever', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('forwarded', 'own', 'arrives'), { maxLength: 200 }), steps => {
        const replies = new Replies();
        const sent: number[] = [];
        let asked = 0;
        let owed: number[] = [];
        for (const step of steps) {
          if (step === 'forwarded') {
            replies.expect();
            owed.push(asked);
            asked += 1;
          } else if (step === 'own') {
            const number = asked;
            replies.answer(() => sent.push(number));
            asked += 1;
          } else if (owed.length > 0) {
            const [number, ...others] = owed;
            owed = others;
            expect(replies.arrived(anAnswer, () => sent.push(number!))).toBe(true);
          }
        }
        for (const number of owed) replies.arrived(anAnswer, () => sent.push(number));

        expect(sent).toEqual(Array.from({ length: asked }, (_, number) => number));
      }),
    );
  });
});
