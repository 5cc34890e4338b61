import './ask.css';
import { useEffect } from 'preact/hooks';
import { stopAsking } from '../exchange.ts';
import { Answer } from '../parts/answer.tsx';
import { Conversation } from '../parts/conversation.tsx';
import { PictureAdder } from '../parts/picture-adder.tsx';
import { PictureList } from '../parts/picture-list.tsx';
import { Examples, Question } from '../parts/question.tsx';
import { SamplingSettings } from '../parts/sampling-settings.tsx';

/** Pictures, a question, an answer. One that runs is stopped when this is left. */
export function AskScreen() {
  useEffect(() => stopAsking, []);
  return (
    <div class="ask">
      <div>
        <PictureList />
        <PictureAdder />
      </div>
      <div>
        <Conversation />
        <Question />
        <Answer />
        <Examples />
        <SamplingSettings />
      </div>
    </div>
  );
}
