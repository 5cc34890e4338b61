/** What a world's pictures show: everyday things, coloured shapes, numbers and words, and what each is called. */

/** How a thing is spoken of in both languages. */
export interface Noun {
  readonly english: string;
  /** Several of them. */
  readonly plural: string;
  readonly chinese: string;
  /** The measure word that Chinese puts between a number and the thing. */
  readonly measure: string;
}

export interface Thing extends Noun {
  /** What the drawing sets call it. */
  readonly slug: string;
}

/**
 * The things that all four drawing sets have. Names are those of Unicode's annotations (CLDR) in both languages, shortened to
 * everyday words where they name the drawing ("cat face"); drawings/make.mjs compares them.
 */
const TABLE: readonly (readonly [slug: string, english: string, chinese: string, measure: string])[] = [
  ['cat-face', 'cat', '猫', '只'],
  ['dog-face', 'dog', '狗', '只'],
  ['rabbit-face', 'rabbit', '兔子', '只'],
  ['fish', 'fish', '鱼', '条'],
  ['bird', 'bird', '鸟', '只'],
  ['horse-face', 'horse', '马', '匹'],
  ['cow-face', 'cow', '牛', '头'],
  ['pig-face', 'pig', '猪', '头'],
  ['elephant', 'elephant', '大象', '头'],
  ['turtle', 'turtle', '乌龟', '只'],
  ['butterfly', 'butterfly', '蝴蝶', '只'],
  ['honeybee', 'bee', '蜜蜂', '只'],
  ['red-apple', 'apple', '苹果', '个'],
  ['banana', 'banana', '香蕉', '根'],
  ['grapes', 'bunch of grapes', '葡萄', '串'],
  ['strawberry', 'strawberry', '草莓', '个'],
  ['watermelon', 'slice of watermelon', '西瓜', '块'],
  ['lemon', 'lemon', '柠檬', '个'],
  ['pear', 'pear', '梨', '个'],
  ['carrot', 'carrot', '胡萝卜', '根'],
  ['pizza', 'slice of pizza', '披萨', '块'],
  ['hot-beverage', 'cup', '杯子', '个'],
  ['bread', 'loaf of bread', '面包', '个'],
  ['egg', 'egg', '鸡蛋', '个'],
  ['automobile', 'car', '汽车', '辆'],
  ['bus', 'bus', '公交车', '辆'],
  ['bicycle', 'bicycle', '自行车', '辆'],
  ['airplane', 'airplane', '飞机', '架'],
  ['rocket', 'rocket', '火箭', '枚'],
  ['sailboat', 'sailboat', '帆船', '艘'],
  ['locomotive', 'train', '火车', '列'],
  ['house', 'house', '房子', '座'],
  ['evergreen-tree', 'tree', '树', '棵'],
  ['sunflower', 'sunflower', '向日葵', '朵'],
  ['tulip', 'tulip', '郁金香', '朵'],
  ['mushroom', 'mushroom', '蘑菇', '个'],
  ['sun', 'sun', '太阳', '个'],
  ['cloud', 'cloud', '云', '朵'],
  ['crescent-moon', 'moon', '月亮', '个'],
  ['star', 'star', '星星', '颗'],
  ['rainbow', 'rainbow', '彩虹', '道'],
  ['umbrella', 'umbrella', '雨伞', '把'],
  ['snowman', 'snowman', '雪人', '个'],
  ['soccer-ball', 'football', '足球', '个'],
  ['basketball', 'basketball', '篮球', '个'],
  ['balloon', 'balloon', '气球', '个'],
  ['guitar', 'guitar', '吉他', '把'],
  ['bell', 'bell', '铃铛', '个'],
  ['key', 'key', '钥匙', '把'],
  ['open-book', 'book', '书', '本'],
  ['alarm-clock', 'clock', '闹钟', '个'],
  ['scissors', 'pair of scissors', '剪刀', '把'],
  ['crown', 'crown', '皇冠', '顶'],
  ['top-hat', 'hat', '帽子', '顶'],
  ['running-shoe', 'shoe', '鞋', '只'],
  ['glasses', 'pair of glasses', '眼镜', '副'],
  ['red-heart', 'heart', '红心', '颗'],
  ['light-bulb', 'light bulb', '灯泡', '个'],
  ['wrapped-gift', 'gift', '礼物', '份'],
  ['chair', 'chair', '椅子', '把'],
];

const PLURALS: Readonly<Record<string, string>> = { fish: 'fish', loaf: 'loaves', snowman: 'snowmen' };

/** Several of what a word names; of "slice of pizza" the first word changes. */
function pluralOf(english: string): string {
  const [, noun, rest] = /^(.*?)( of .*)?$/.exec(english)!;
  const regular = /(?:s|ch|sh)$/.test(noun) ? `${noun}es` : noun.replace(/([^aeiou])y$/, '$1ie').concat('s');
  return (PLURALS[noun] ?? regular) + (rest ?? '');
}

export const THINGS: readonly Thing[] = TABLE.map(([slug, english, chinese, measure]) => ({
  ...{ slug, english, chinese, measure },
  plural: pluralOf(english),
}));

/** The colours of shapes and their bytes; every shape varies them a little. */
export const COLOURS = [
  { english: 'red', chinese: '红色', rgb: [214, 44, 46] },
  { english: 'orange', chinese: '橙色', rgb: [242, 138, 28] },
  { english: 'yellow', chinese: '黄色', rgb: [246, 214, 48] },
  { english: 'green', chinese: '绿色', rgb: [46, 160, 72] },
  { english: 'blue', chinese: '蓝色', rgb: [40, 104, 214] },
  { english: 'purple', chinese: '紫色', rgb: [142, 70, 186] },
] as const;

/** Corners of the shapes in a square around 0 whose side is 1; y points down. A circle has none. */
export const SHAPES = [
  { english: 'circle', chinese: '圆形', corners: [] },
  { english: 'square', chinese: '正方形', corners: regularCorners(4, 45) },
  { english: 'triangle', chinese: '三角形', corners: regularCorners(3, -90) },
  {
    english: 'diamond',
    chinese: '菱形',
    corners: [
      [0, -0.5],
      [0.36, 0],
      [0, 0.5],
      [-0.36, 0],
    ],
  },
  { english: 'hexagon', chinese: '六边形', corners: regularCorners(6, 0) },
  { english: 'cross', chinese: '十字形', corners: crossCorners(0.17) },
] as const satisfies readonly { english: string; chinese: string; corners: readonly (readonly [number, number])[] }[];

/** Corners on the circle of radius ½, the first at so many degrees. */
function regularCorners(count: number, first: number): [number, number][] {
  return Array.from({ length: count }, (_, i) => {
    const angle = ((first + (360 * i) / count) * Math.PI) / 180;
    return [Math.cos(angle) / 2, Math.sin(angle) / 2];
  });
}

function crossCorners(half: number): [number, number][] {
  const quarter: [number, number][] = [
    [half, -half],
    [half, -0.5],
    [-half, -0.5],
  ];
  const turns = [
    [1, 0],
    [0, -1],
    [-1, 0],
    [0, 1],
  ]; // cosine and sine of each quarter turn
  return turns.flatMap(([c, s]) => quarter.map(([x, y]): [number, number] => [c * x - s * y, s * x + c * y]));
}

/** The words that pictures show, beside the names of things. */
export const WORDS = {
  english: ['OPEN', 'STOP', 'EXIT', 'SALE', 'TAXI', 'FREE', 'PUSH', 'PULL', 'CAFE', 'ZOO', 'BANK', 'HOTEL'],
  chinese: ['出口', '入口', '开', '关', '大', '小', '上', '下', '山', '水', '火', '人', '中国', '北京', '你好', '早安'],
} as const;
